#include "app/key_command.h"

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "access/key_secret.h"
#include "base/random.h"

namespace jindou::app {

namespace {

constexpr int kKeyUsageError = 2;
constexpr std::size_t kInputBytesMax = 1024;  // what a header may carry as a token

// The first line of standard input.
std::string read_secret() {
  std::string text;
  for (int c = std::getchar(); c != EOF && c != '\n' && text.size() <= kInputBytesMax;
       c = std::getchar()) {
    text += static_cast<char>(c);
  }
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

// What is wrong with a secret that was made elsewhere; empty: nothing.
std::string_view problem_of(std::string_view secret) {
  if (secret.size() < access::kKeySecretBytesMin) {
    return "the secret is shorter than 32 characters, which may be guessed: jindou key makes one";
  }
  if (secret.size() > kInputBytesMax) return "the secret is longer than 1024 characters";
  for (const char c : secret) {
    if (c < 0x21 || c > 0x7e) return "only printable ASCII without spaces fits into a header";
  }
  return {};
}

}  // namespace

int run_key(bool of_input) {
  SystemRandom random;
  const std::string secret = of_input ? read_secret() : access::make_key_secret(random);
  if (const std::string_view problem = problem_of(secret); !problem.empty()) {
    std::fprintf(stderr, "jindou: %s\n", std::string(problem).c_str());
    return kKeyUsageError;
  }
  const auto hash = access::hash_of_secret(secret);
  if (!hash) {
    std::fputs("jindou: there is no SHA-256\n", stderr);
    return kKeyUsageError;
  }
  if (!of_input) {
    std::printf("secret: %s\n", secret.c_str());
    std::fputs("jindou: the secret is for the caller and shown only now; its hash is for apiKeys\n",
               stderr);
  }
  std::printf("sha256: %s\n", access::key_hash_text(*hash).c_str());
  return 0;
}

}  // namespace jindou::app
