// What templates may do, and what they may not.
#include "text/jinja/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway::jinja {
namespace {

std::string fault_of(const std::string& source, size_t work = size_t{1} << 24) {
  try {
    const std::string text = Template(source, "t.jinja").render({}, local_time(), {work}).bytes;
    return "rendered: " + text.substr(0, 100);
  } catch (const Error& e) {
    return e.what();
  }
}

using testing::HasSubstr;
using testing::StartsWith;

TEST(JinjaTemplate, FaultsNameTheTemplateAndTheLine) {
  EXPECT_EQ(fault_of("a\n{{ x.y }}"),
            "t.jinja: line 2: \"x\" is undefined, and its \"y\" is asked for");
  EXPECT_EQ(fault_of("\n\n{{ raise_exception('roles must alternate') }}"),
            "t.jinja: line 3: it refuses the conversation: roles must alternate");
  EXPECT_EQ(fault_of("{% for x in [1] %}\n"), "t.jinja: line 1: a block has no \"endfor\"");
  EXPECT_EQ(fault_of("{% include 'x' %}"),
            "t.jinja: line 1: the block \"include\" is not supported");
  EXPECT_EQ(fault_of("{{ 1|pprint }}"), "t.jinja: line 1: the filter \"pprint\" is not supported");
}

TEST(JinjaTemplate, TimeAndMemoryAreBounded) {
  const std::string grows = "it takes more time or memory than a template may";
  for (const char* source :
       {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 999999999999 }}", "{{ [1] * 999999999 }}", "{{ 'a'|center(999999999999) }}",
        "{% set ns = namespace(x='a') %}{% for i in range(999) %}{% set ns.x = ns.x ~ ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(999) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}",
        "{{ 'aaaa'.replace('', 'b' * 9999999) }}", "{{ [1]|tojson(indent=99999999999) }}",
        "{% for a in range(99999) %}{{ 'a' * 999 }}{% endfor %}"})
    EXPECT_THAT(fault_of(source), HasSubstr(grows)) << source;
}

TEST(JinjaTemplate, NothingNestsWithoutAnEnd) {
  EXPECT_THAT(fault_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), HasSubstr("too deep"));
  EXPECT_THAT(fault_of("{% set ns = namespace(x=[]) %}{% for i in range(9999) %}"
                       "{% set ns.x = [ns.x] %}{% endfor %}"),
              HasSubstr("more than 1000 deep"));
  EXPECT_THAT(fault_of("{{ " + std::string(9999, '(') + "1" + std::string(9999, ')') + " }}"),
              HasSubstr("more than 200 deep"));
  EXPECT_THAT(fault_of("{{ " + std::string(9999, '-') + "1 }}"), HasSubstr("more than 200 deep"));
}

TEST(JinjaTemplate, NothingIsReachedOrChanged) {
  for (const char* source :
       {"{{ ''.__class__.__mro__ }}", "{{ [].append(1) }}", "{{ {}.update({}) }}", "{{ self.x }}",
        "{{ namespace(__init__=1) }}", "{% import 'os' as os %}", "{{ range.__globals__.x }}",
        "{{ ''['__class__'].x }}", "{{ cycler(1) }}"})
    EXPECT_THAT(fault_of(source), StartsWith("t.jinja: line 1: ")) << source;
}

// The marks of a text as digits.
std::string marks(const MarkedText& text) {
  std::string out;
  for (size_t i = 0; i < text.bytes.size(); ++i) out += static_cast<char>('0' + text.mark(i));
  return out;
}

TEST(JinjaTemplate, EveryByteKnowsWhoWroteIt) {
  const Template::Variables values = {
      {"s", Value::of_json(" Ab ")}, {"own", Value("<s>")}, {"d", Value::of_json({{"k", "v\""}})}};
  const auto marked = [&](const char* source) {
    const MarkedText text = Template(source, "t").render(values);
    return text.bytes + "|" + marks(text);
  };
  EXPECT_EQ(marked("{{ own }}{{ s }}"), "<s> Ab |0001111");
  EXPECT_EQ(marked("{{ '[' ~ s.strip()|upper + ']' }}"), "[AB]|0110");
  EXPECT_EQ(marked("{{ s[1:3][::-1] }}x"), "bAx|110");
  EXPECT_EQ(marked("{{ d|tojson }}"), R"({"k": "v\""}|001000011100)");
  EXPECT_EQ(marked("{{ d }}"), R"({'k': 'v"'}|00100001100)");
  EXPECT_EQ(marked("{{ s.replace('A', '-') }}"), " -b |1011");
  EXPECT_EQ(marked("{% set x %}({{ s|trim }}){% endset %}{{ x }}"), "(Ab)|0110");
  EXPECT_EQ(marked("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(s.split()[0]) }}"), "<Ab>|0110");
  EXPECT_EQ(marked("a{% generation %}b{{ s.strip() }}{% endgeneration %}c"), "abAbc|02330");
}

TEST(JinjaTemplate, TheClockIsTheOneGiven) {
  std::tm friday{};
  friday.tm_year = 124, friday.tm_mon = 1, friday.tm_mday = 2;
  EXPECT_EQ(Template("{{ strftime_now('%d %b %Y') }}", "t").render({}, friday).bytes,
            "02 Feb 2024");
}

}  // namespace
}  // namespace slipway::jinja
