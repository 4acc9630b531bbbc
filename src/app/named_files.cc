#include "app/named_files.h"

#include "app/moderation_wiring.h"
#include "app/webhook_wiring.h"
#include "gateway/tls_certificate.h"
#include "observe/audit_log.h"

namespace jindou::app {

Result<void> check_named_files(const config::Settings& settings) {
  if (!settings.tls_addr.empty() || !settings.wss_addr.empty()) {
    JD_RETURN_IF_ERROR(gateway::TlsCertificate::check(settings.tls));
  }
  JD_RETURN_IF_ERROR(check_moderation(settings));
  if (settings.audit.on) JD_RETURN_IF_ERROR(observe::AuditLog::check(settings.audit.file));
  return check_ca_files(settings);
}

}  // namespace jindou::app
