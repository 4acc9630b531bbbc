// A self-signed certificate in files of its own, for tests.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

namespace jindou::gateway {

class TestCertificate {
 public:
  TestCertificate() {
    std::string path = (std::filesystem::temp_directory_path() / "jindou-tls-XXXXXX").string();
    directory_ = ::mkdtemp(path.data()) == nullptr ? "" : path;
    replace("first", 3600);
  }
  ~TestCertificate() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  std::string cert_file() const { return (directory_ / "cert.pem").string(); }
  std::string key_file() const { return (directory_ / "key.pem").string(); }
  const std::string& cert_text() const { return cert_; }
  const std::string& key_text() const { return key_; }

  // Writes another pair for this name, valid from now on for so many seconds.
  void replace(std::string_view name, long seconds) {
    make(name, seconds);
    write(cert_file(), cert_);
    write(key_file(), key_);
  }
  static void write(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  // An EC key in PEM, protected by a passphrase.
  std::string protected_key() const {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  &EVP_PKEY_free);
    return text_of([&](BIO* out) {
      PEM_write_bio_PrivateKey(out, key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr,
                               const_cast<char*>("secret"));
    });
  }

 private:
  template <class Write>
  static std::string text_of(const Write& write_to) {
    BIO* out = BIO_new(BIO_s_mem());
    write_to(out);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out, &bytes);
    std::string text(bytes, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
  }

  void make(std::string_view name, long seconds) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), seconds < 0 ? 2 * seconds : -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    cert_ = text_of([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
    key_ = text_of([&](BIO* out) {
      PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  std::filesystem::path directory_;
  std::string cert_;
  std::string key_;
};

}  // namespace jindou::gateway
