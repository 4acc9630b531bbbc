#include "app/help_command.h"

#include <CLI/CLI.hpp>

namespace jindou::app {

Result<std::string> help_text(CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  std::string named = "jindou help";
  for (const std::string& word : words) {
    const auto found = command->get_subcommands(
        [&word](const CLI::App* each) { return !word.empty() && each->get_name() == word; });
    if (found.empty()) {
      return Error(Errc::invalid, "there is no command \"" + word + "\" here; " + named +
                                      " lists those that there are");
    }
    command = found.front();
    named += ' ' + word;
  }
  // As the parser wants them: the last one first.
  std::vector<std::string> arguments = {"--help"};
  arguments.insert(arguments.end(), words.rbegin(), words.rend());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError&) {
    // That is how it asks for the text.
  }
  return app.help();
}

}  // namespace jindou::app
