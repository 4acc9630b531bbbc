// The table of what a query may ask for: docs/api.md shows it, and every refusal is a sentence.
#include "bodies/send_choices.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace jindou::bodies {
namespace {

constexpr SendForm kForms[] = {SendForm::message, SendForm::batch, SendForm::lines, SendForm::rows,
                               SendForm::revision};

std::string api_page() {
  std::ifstream in(JINDOU_SOURCE_DIR "/docs/api.md", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(SendChoices, TheDocumentationShowsTheTables) {
  for (const std::string& table : {send_choices_markdown(), job_choices_markdown()}) {
    EXPECT_NE(api_page().find("\n\n" + table + "\n"), std::string::npos)
        << "put this into docs/api.md:\n"
        << table;
  }
}

TEST(SendChoices, EachIsTakenSomewhereAndRefusedWithASentenceElsewhere) {
  std::set<std::string_view> names;
  std::set<std::string_view> fields;
  for (const SendChoice& choice : send_choices()) {
    EXPECT_TRUE(names.insert(choice.name).second) << choice.name;
    EXPECT_EQ(find_send_choice(choice.name), &choice);
    EXPECT_NE(choice.direct | choice.job, 0U) << choice.name;
    EXPECT_EQ(choice.type == ChoiceType::word, !choice.words.empty()) << choice.name;
    EXPECT_EQ(choice.field.empty(), choice.is_content) << choice.name;
    EXPECT_TRUE(choice.field.empty() || fields.insert(choice.field).second) << choice.field;
    for (const SendForm form : kForms) {
      for (const bool as_job : {false, true}) {
        if (takes(choice, form, as_job)) continue;
        const std::string why = why_not_taken(choice, form, as_job);
        EXPECT_NE(why.find("the query parameter " + std::string(choice.name) + " is for "),
                  std::string::npos)
            << why;
      }
    }
  }
  EXPECT_EQ(find_send_choice("hold"), nullptr);
  EXPECT_EQ(find_send_choice(""), nullptr);
}

TEST(SendChoices, SentencesNameWhatIsTaken) {
  EXPECT_EQ(what_it_takes(*find_send_choice("keep")),
            "the query parameter keep takes true or false");
  EXPECT_EQ(what_it_takes(*find_send_choice("ack")),
            "the query parameter ack takes synced or received");
  EXPECT_EQ(what_it_takes(*find_send_choice("hold_ms")),
            "the query parameter hold_ms takes a number of milliseconds, at most 604800000");
  EXPECT_EQ(what_it_takes(*find_send_choice("name")),
            "the query parameter name takes at most 128 bytes");
  EXPECT_EQ(what_it_takes(*find_send_choice("on_error"), GivenBy::field),
            "the header field Jindou-On-Error takes continue or stop");
  EXPECT_EQ(why_not_taken(*find_send_choice("rate"), SendForm::lines, false, GivenBy::field),
            "the header field Jindou-Rate is for a job: async=true makes one of the batch");
  EXPECT_EQ(taken_names(SendForm::lines, false),
            "`sender_conversation`, `atomic`, `on_error`, `ack`, `dry_run`, `keep`, `async`, "
            "`hold_ms`");
}

}  // namespace
}  // namespace jindou::bodies
