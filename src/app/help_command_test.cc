#include "app/help_command.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace jindou::app {
namespace {

// Commands in two steps, and `help` as the command line has it.
struct CommandLine {
  CommandLine() {
    app.name("jindou");
    app.require_subcommand(0, 1);
    CLI::App* const jobs = app.add_subcommand("jobs", "Looks after jobs");
    jobs->require_subcommand(1);
    jobs->add_subcommand("list", "Lists them")->add_option("ID", text)->required();
    help = app.add_subcommand("help", "Helps");
    help->add_option("COMMAND", words);
  }

  // What is printed for these arguments, the last one first.
  std::string printed(std::vector<std::string> arguments) {
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError&) {
      return app.help();
    }
    const auto told = help_text(app, std::vector<std::string>(words));
    return told ? *told : "refused: " + told.error().detail();
  }

  CLI::App app;
  CLI::App* help = nullptr;
  std::string text;
  std::vector<std::string> words;
};

TEST(HelpCommand, TellsTheSameAsHelpOfTheCommand) {
  EXPECT_EQ(CommandLine().printed({"help"}), CommandLine().printed({"--help"}));
  EXPECT_EQ(CommandLine().printed({"jobs", "help"}), CommandLine().printed({"--help", "jobs"}));
  const std::string list = CommandLine().printed({"--help", "list", "jobs"});
  EXPECT_EQ(CommandLine().printed({"list", "jobs", "help"}), list);
  EXPECT_NE(list.find("Lists them"), std::string::npos) << list;
  EXPECT_EQ(CommandLine().printed({"help", "help"}), CommandLine().printed({"--help", "help"}));
}

TEST(HelpCommand, SaysWhatThereIsNot) {
  EXPECT_EQ(CommandLine().printed({"explode", "help"}),
            "refused: there is no command \"explode\" here; jindou help lists those that there "
            "are");
  EXPECT_EQ(CommandLine().printed({"explode", "jobs", "help"}),
            "refused: there is no command \"explode\" here; jindou help jobs lists those that "
            "there are");
}

}  // namespace
}  // namespace jindou::app
