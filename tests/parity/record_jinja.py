"""Records what jinja2 makes of small templates, as transformers sets it up for chat templates: written ones and random ones.

usage: python tests/parity/record_jinja.py   (needs tests/parity/requirements.txt; writes tests/parity/data/jinja_cases.gz)

One JSON object a line: "template", "values" (its variables), and "text", or "error": true where jinja2 refuses it. All random
templates are made of the language's constructs by a seeded generator; none is anybody's.
"""
import gzip
import json
import pathlib
import random

from transformers.utils import chat_template_utils as peer

OUT = pathlib.Path(__file__).resolve().parent / "data/jinja_cases.gz"
VALUES = {
    "s": "Ab c", "t": "  x,y,,z \n", "u": "Straße é 日本 👍", "e": "", "q": "it's \"q\" <b>&\\\n", "n": 7, "m": -3, "z": 0, "f": 2.5,
    "yes": True, "no": False, "nil": None, "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "k": [], "nested": [[1, [2]], {"a": None}],
    "d": {"b": 2, "a": 1, "C": "x"}, "o": {}, "items_": [{"r": "user", "v": 1}, {"r": "bot", "v": 2}, {"r": "user", "v": None}, {"v": 4}],
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": " hi\n"}, {"role": "assistant", "content": "ok"}]}
WRITTEN = [
    # white space
    "a\n  {% if yes %}\n  b\n  {% endif %}\nc\n", "a  {%- if yes -%}  b  {%- endif -%}  c", "  {%+ if yes %} x {% endif +%}\n y",
    "a {# c #}\n b\n  {# d -#}  \n e", "{% raw %} {{ x }} {%- endraw %} ", "{%- raw -%}  {% if %} {% endraw -%}  z", "x\r\ny\rz\n\n",
    "{{ '{{' }} {{ '%}' }} {{ \"a\\n\\t\\x41\\u00e9\\\\\" }}", "{{- s -}}  {{ t }}", "{{ {'a': {'b': 1}}['a']['b'] }}",
    "line{% set x = 1 %}\nnext {{ x }}\n", "\n\n  {% for i in l %}\n    {{ i }}\n  {% endfor %}\n\n",
    # scopes
    "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% if yes %}{% set y = 5 %}{% endif %}{{ y }}", "{% for i in l %}{% if loop.first %}{% set q2 = i %}{% endif %}{{ q2 }};{% endfor %}",
    "{% macro m(a, b=2, *c) %}{% endmacro %}", "{% macro m(a, b=a) %}[{{ a }}{{ b }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ m(1) }}{{ m(1, 2, 3, z=4) }}",
    "{% macro m(x) %}{{ x }}{{ y }}{% endmacro %}{% set y = 3 %}{{ m(1) }}", "{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(5) }}",
    "{% macro w() %}<{{ caller('a') }}>{% endmacro %}{% call(x) w() %}{{ x }}{{ s }}{% endcall %}", "{% with a = 1, b = s %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% set x %}a {{ s }}{% endset %}{{ x|upper }}", "{% set x | trim | upper %}  {{ s }}  {% endset %}[{{ x }}]", "{% filter upper %}a{{ s }}{% endfilter %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set (a, b) = [1, 2] %}{{ a }}{{ b }}", "{% set ns = namespace() %}{% set ns._x = 1 %}",
    # loops
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }} {% endfor %}",
    "{% for i in l if i > 1 %}{{ i }}{{ loop.index }}/{{ loop.length }} {% else %}none{% endfor %}", "{% for i in k %}x{% else %}empty{% endfor %}",
    "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% endfor %}", "{% for k2, v in d.items() %}{{ k2 }}={{ v }};{% endfor %}",
    "{% for k2, v in d|dictsort %}{{ k2 }}={{ v }};{% endfor %}", "{% for c in u %}[{{ c }}]{% endfor %}", "{% for i in nil %}{% endfor %}", "{% for i in missing %}x{% else %}y{% endfor %}",
    "{% for i in l %}{{ loop.changed(i > 1) }}{% endfor %}", "{% for x in nested recursive %}{% if x is sequence and x is not mapping %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for i in range(5) %}{% for j in range(i) %}{{ j }}{% if j == 2 %}{% break %}{% endif %}{% endfor %};{% endfor %}", "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}",
    # generation, errors, clock
    "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
    "{{ raise_exception('no') }}", "{{ missing.x }}", "{{ missing }}", "{{ missing|default('d') }}{{ nil|default('d') }}{{ nil|default('d', true) }}{{ e|d('d', boolean=true) }}", "{{ d.x.y }}", "{{ nil.x }}",
    "{{ l.append(1) }}", "{{ d.update({}) }}", "{{ s.__class__ }}", "{{ l|map('upper')|list }}", "{{ 1 / 0 }}", "{{ s + 1 }}", "{{ s ~ 1 }}",
    # values
    "{{ [1, 'a', none, true, 2.0, {'x': (1,)}] }}", "{{ q }}{{ [q] }}{{ u }}{{ [u] }}", "{{ 1e20 }} {{ 1.5e-7 }} {{ 100000.0 }} {{ 3 // 2 }} {{ -3 // 2 }} {{ -3 % 5 }} {{ 2 ** 10 }} {{ -2 ** 2 }} {{ 7 / 2 }} {{ 2.5 // 1 }}",
    "{{ q|tojson }}{{ nested|tojson }}{{ u|tojson }}{{ u|tojson(ensure_ascii=true) }}{{ d|tojson(indent=2) }}{{ d|tojson(sort_keys=true) }}{{ k|tojson(indent=2) }}{{ d|tojson(separators=(',', ':')) }}{{ f|tojson }}{{ 1e20|tojson }}",
    "{{ missing|tojson }}", "{{ ('<' ~ s)|e }}{{ '<b>'|safe + '<c>' }}{{ '<c>' + '<b>'|safe }}{{ ('<a>'|safe)|upper }}{{ ['<a>', '<b>'|safe]|join('<') }}{{ ('<b>'|safe).replace('b', '<') }}",
    "{{ l[0] }}{{ l[-1] }}{{ l[9] }}{{ l[::-1] }}{{ l[1:] }}{{ l[:-1] }}{{ u[2:6] }}{{ u[::-1] }}{{ s[0] }}{{ l[5:1:-2] }}{{ d['a'] }}{{ d['zz'] }}{{ d.a }}{{ (1, 2)[0] }}{{ l.0 }}",
    "{{ t.split() }}{{ t.split(',') }}{{ t.split(',', 1) }}{{ t.rsplit(',', 1) }}{{ t.strip() }}{{ t.strip(' x') }}{{ t.lstrip() }}{{ t.rstrip('\\n ') }}{{ q.splitlines() }}{{ 'a\\nb\\n'.splitlines(true) }}",
    "{{ s.upper() }}{{ s.lower() }}{{ s.title() }}{{ s.capitalize() }}{{ s.swapcase() }}{{ s.startswith('A') }}{{ s.endswith(('x', 'c')) }}{{ s.find('c') }}{{ s.index('zz') }}", "{{ s.replace('b', 'BB') }}{{ s.replace('', '-') }}{{ 'aaa'.replace('a', 'b', 2) }}{{ s.count('b') }}{{ ','.join(w) }}{{ s.partition(' ') }}{{ s.removeprefix('A') }}",
    "{{ '{} and {}'.format(1, s) }}{{ '{0}{1}{0}'.format('a', 'b') }}{{ '{x}{{}}'.format(x=2) }}", "{{ s.isalpha() }}{{ 'ab'.isalpha() }}{{ '12'.isdigit() }}{{ ''.isdigit() }}{{ '١'.isdigit() }}{{ ' '.isspace() }}{{ 'aB'.islower() }}{{ 'é'.isalnum() }}",
    "{{ d.items()|list }}{{ d.keys()|list }}{{ d.values()|list }}{{ d.get('a') }}{{ d.get('x') }}{{ d.get('x', 5) }}{{ d|length }}{{ d|items|list }}{{ d|list }}", "{{ d|dictsort(by='value') }}", "{{ {'b': 2, 'A': 1}|dictsort(true) }}{{ {'b': 2, 'A': 1}|dictsort(reverse=true) }}",
    "{{ l|sort }}{{ w|sort }}{{ w|sort(case_sensitive=true) }}{{ w|sort(reverse=true) }}{{ items_|sort(attribute='v')|list }}", "{{ l|min }}{{ l|max }}{{ k|min }}{{ l|sum }}{{ w|unique|list }}{{ ['a', 'A', 'a']|unique|list }}{{ l|first }}{{ l|last }}{{ s|first }}{{ l|reverse|list }}{{ s|reverse }}",
    "{{ items_|selectattr('r')|list|length }}{{ items_|selectattr('r', 'equalto', 'user')|map(attribute='v')|list }}{{ items_|rejectattr('v', 'none')|list|length }}{{ items_|map(attribute='r', default='?')|join(',') }}{{ l|select('gt', 1)|list }}{{ l|reject('odd')|list }}{{ l|batch(2, 0)|list }}",
    "{{ (items_|selectattr('r')) is iterable }}{{ 'y' if items_|selectattr('nope') else 'n' }}{{ (l|map('string')|list)|join('+') }}{{ l|map('string')|length }}", "{{ u|length }}{{ u|upper }}", "{{ 'é'|upper }}{{ s|capitalize }}{{ s|center(9) }}{{ s|indent }}{{ q|indent(2, true) }}{{ 'a\\n\\nb'|indent(3, blank=true) }}{{ 'a\\nb'|indent('>>') }}",
    "{{ '12'|int }}{{ 'x'|int(3) }}{{ '3.7'|int }}{{ 2.9|int }}{{ '2.5'|float }}{{ -3|abs }}{{ 2.5|round }}{{ 2.4|round(method='ceil') }}{{ 5|round }}{{ 7|string + 'x' }}",
    "{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 1 == 1.0 }}{{ true == 1 }}{{ 'a' in s }}{{ 'b' not in s }}{{ 2 in l }}{{ 'a' in d }}{{ nil is none }}{{ not yes or no and yes }}{{ e or 'x' }}{{ s and n }}{{ 1 if no }}{{ (1 if no) is defined }}",
    "{{ s is string }}{{ l is sequence }}{{ s is sequence }}{{ d is sequence }}{{ d is mapping }}{{ l is mapping }}{{ n is number }}{{ yes is number }}{{ yes is integer }}{{ f is float }}{{ yes is boolean }}{{ nil is iterable }}{{ missing is iterable }}{{ missing is sequence }}{{ range is callable }}{{ n is odd }}{{ n is divisibleby 7 }}{{ n is in [7] }}{{ n is eq 7 }}{{ s is lower }}{{ yes is true }}{{ n is sameas 7 }}",
    "{{ range(3)|list }}{{ range(1, 7, 2)|list }}{{ range(5, 0, -2)|list }}{{ range(3)|length }}{{ range(3)[1] }}{{ dict(a=1, b=2) }}{{ dict([('a', 1)]) }}", "{{ range(200000) }}", "{{ [1] + [2] }}{{ [1] * 3 }}{{ 'ab' * 2 }}{{ 2 * 'ab' }}{{ (1,) + (2,) }}{{ -f }}{{ +n }}",
    "{{ d.items() | map('first') | list }}", "{{ messages[-1].content }}{{ messages[0]['role'] }}{{ messages[1:]|length }}{{ messages|map(attribute='role')|join(' ') }}", "{{ 'a' 'b' }}{{ \"it's\" }}", "{% if missing is not defined %}u{% elif yes %}v{% else %}w{% endif %}", "{{ s|nope }}", "{% nope %}", "{{ s", "{% if yes %}", "{% endif %}", "{{ }}", "{% for %}{% endfor %}", "{{ [1, 2 }}",
    "{{ joiner is defined }}{% set j = joiner('|') %}{{ j() }}a{{ j() }}b", "{{ namespace(a=1).a }}", "{{ strftime_now is defined }}", "{{ loop is defined }}", "{{ (1, 2, 3) }}{{ () }}{{ (1,) }}{{ 1, 2 }}",
]

FILTERS = ["upper", "lower", "trim", "length", "list", "first", "last", "string", "tojson", "join", "join('-')", "sort", "reverse", "unique",
           "int", "default(1)", "capitalize", "sum", "max", "min", "abs", "float", "dictsort", "items", "indent(2)", "replace('a', 'b')",
           "select", "map('string')", "batch(2)", "round", "e", "safe", "count", "tojson(indent=1)", "center(5)"]
METHODS = ["strip()", "upper()", "split()", "split(',')", "items()", "keys()", "get('a')", "get('x', 1)", "startswith('A')",
           "replace('b', '')", "rstrip()", "title()", "splitlines()", "count('b')", "join(w)", "index(1)", "copy()", "pop()"]
TESTS = ["defined", "none", "string", "mapping", "sequence", "iterable", "number", "boolean", "integer", "float", "undefined", "true",
         "false", "callable", "lower", "upper", "eq 7", "in l", "odd"]


class Maker:
    """Random templates."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, *options):
        return self.r.choice(options)

    def name(self):
        return self.r.choice([*VALUES, *VALUES, "missing", "x", "x", "i"])

    def atom(self):
        return self.pick(self.name, self.name, self.name, lambda: str(self.r.randrange(-2, 12)), lambda: self.pick("'a'", "' b'", "\"c,d\"", "'é\\n'", "''"),
                         lambda: self.pick("true", "none", "[]", "[1, 'a']", "{'k': 1}", "2.5", "(1, 's')"))()

    def expression(self, depth=2):
        if depth == 0:
            return self.atom()
        e = lambda: self.expression(depth - 1)  # noqa: E731
        return self.pick(
            self.atom, lambda: f"{e()} {self.pick('+', '-', '*', '~', '//', '%', '/', '~')} {e()}", lambda: f"({e()} {self.pick('and', 'or')} {e()})",
            lambda: f"({e()} {self.pick('==', '!=', '<', '>', '<=', 'in', 'not in')} {e()})", lambda: f"(not {e()})", lambda: f"({e()} if {e()} else {e()})",
            lambda: f"{self.name()}[{e()}]", lambda: f"{self.name()}[{self.pick('', '1', '-1', '-2')}:{self.pick('', '2', '-1', '9')}{self.pick('', ':-1', ':2')}]",
            lambda: f"{self.name()}.{self.pick('r', 'a', 'b', 'role', 'content', 'C')}",
            lambda: f"({e()})|{self.r.choice(FILTERS)}",
            lambda: f"({e()} is {self.pick('', 'not ')}{self.r.choice(TESTS)})",
            lambda: f"{self.name()}.{self.r.choice(METHODS)}",
            lambda: f"[{e()}, {e()}]", lambda: f"{{'p': {e()}}}", lambda: f"range({self.r.randrange(6)})")()

    def statement(self, depth=2):
        if depth == 0:
            return self.pick(lambda: f"{{{{ {self.expression()} }}}}", lambda: self.pick("t ", " u\n", "\n  ", "v"))()
        b = lambda: "".join(self.statement(depth - 1) for _ in range(self.r.randrange(1, 3)))  # noqa: E731
        o, c = self.pick("{%", "{%", "{%-", "{%+"), self.pick("%}", "%}", "-%}", "%}\n")
        return self.pick(
            lambda: f"{{{{ {self.expression()} }}}}", lambda: f"{{{{- {self.expression()} -}}}}", lambda: self.pick("txt ", "\n  ", " a\n\n b", "  "),
            lambda: f"{o} if {self.expression(1)} {c}{b()}{o} else {c}{b()}{o} endif {c}", lambda: f"{o} for i in {self.expression(1)} {c}{b()}{{{{ loop.index }}}}{o} endfor {c}",
            lambda: f"{o} for i in {self.name()} if {self.expression(1)} {c}{b()}{o} else {c}e{o} endfor {c}", lambda: f"{o} set x = {self.expression(1)} {c}", lambda: f"{o} set x {c}{b()}{o} endset {c}",
            lambda: f"{o} macro x(i, z=1) {c}{b()}{o} endmacro {c}{{{{ x({self.expression(1)}) }}}}", lambda: f"{{# {self.pick('c', ' d ', '')} {self.pick('#}', '-#}')}")()

    def template(self):
        return "".join(self.statement() for _ in range(self.r.randrange(1, 4)))


def main():
    lines, seen = [], set()
    maker = Maker(20250101)
    for template in WRITTEN + [maker.template() for _ in range(6000)]:
        if template in seen:
            continue
        seen.add(template)
        case = {"template": template}
        try:
            compiled = peer._compile_jinja_template(template)
            text = compiled.render(**VALUES)
            # what names places in memory, and what we refuse to print
            if len(text) > 1000 or any(x in text for x in (" object at 0x", "<generator", "range(", "dict_", "<Macro")):
                continue
            case["text"] = text
        except Exception:  # whatever a template does
            case["error"] = True
        lines.append(json.dumps(case, ensure_ascii=False))
    with gzip.GzipFile(OUT, "wb", mtime=0) as file:
        file.write((json.dumps(VALUES, ensure_ascii=False) + "\n" + "\n".join(lines) + "\n").encode())
    print(f"{len(lines)} templates, {sum('error' in json.loads(x) for x in lines)} of them refused by jinja2")


if __name__ == "__main__":
    main()
