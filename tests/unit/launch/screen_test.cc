// What a screen shows.
#include "launch/screen.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "launch/terminal_pair.h"

namespace slipway {
namespace {

std::string read_some(int fd) {
  char bytes[4096];
  const ssize_t n = ::read(fd, bytes, sizeof bytes);
  return std::string(bytes, n > 0 ? static_cast<size_t>(n) : 0);
}

TEST(Screen, LinesIntoAPipeAreAsTheyAre) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Descriptor reader(ends[0]), writer(ends[1]);
  Screen screen(writer.fd);
  EXPECT_FALSE(screen.is_terminal());
  screen.line("[1] ", "a\033[31mb\rc");
  EXPECT_EQ(read_some(reader.fd), "[1] a\033[31mb\rc\n");
  EXPECT_FALSE(Screen::is_one_terminal(reader.fd, writer.fd));
}

class OnTerminal : public testing::Test {
 protected:
  void SetUp() override {
    terminal_ = open_terminal(STDERR_FILENO);
    if (terminal_.reader == nullptr) GTEST_SKIP() << "this system gives no terminals";
    screen_ = std::make_unique<Screen>(terminal_.program->fd);
  }
  std::string shown() const { return read_some(terminal_.reader->fd); }

  TerminalPair terminal_;
  std::unique_ptr<Screen> screen_;
};

TEST_F(OnTerminal, ControlCharactersOfALineDoNothing) {
  EXPECT_TRUE(screen_->is_terminal());
  EXPECT_TRUE(Screen::is_one_terminal(terminal_.program->fd, terminal_.program->fd));
  screen_->line("[1] ", "a\033[31mb\rc");
  EXPECT_EQ(shown(), "[1] a\\x1b[31mb\\rc\n");
}

TEST_F(OnTerminal, ALineGoesAboveTheBarThatIsDrawn) {
  screen_->draw("text\n\r\033[K 10%");
  EXPECT_EQ(shown(), "text\n\r\033[K 10%");
  screen_->draw("\r\033[K 20%");
  EXPECT_EQ(shown(), "\r\033[K 20%");
  screen_->line("[1] ", "warning");
  EXPECT_EQ(shown(), "\r\033[K[1] warning\n\r\033[K 20%");
  screen_->draw(" more");
  EXPECT_EQ(shown(), " more");
  screen_->line("", "slipway: x");
  EXPECT_EQ(shown(), "\r\033[Kslipway: x\n\r\033[K 20% more");
  screen_->draw("\n");
  EXPECT_EQ(shown(), "\n");
  screen_->line("[1] ", "y");
  EXPECT_EQ(shown(), "[1] y\n");
}

}  // namespace
}  // namespace slipway
