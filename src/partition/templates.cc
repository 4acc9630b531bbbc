#include "partition/templates.h"

#include <algorithm>
#include <utility>

#include "store/keys.h"

namespace jindou::partition {

Templates::~Templates() {
  templates_.clear();
  show();
}

void Templates::show() {
  if (stored_ == nullptr) return;
  const std::size_t now = templates_.size();
  if (now > shown_) stored_->Increment(static_cast<double>(now - shown_));
  if (now < shown_) stored_->Decrement(static_cast<double>(shown_ - now));
  shown_ = now;
}

Result<void> Templates::open(const store::PartitionReader& reader) {
  templates_.clear();
  show();
  floor_ = {};
  const std::string prefix = store::template_prefix(partition_);
  Result<void> decoded;
  JD_RETURN_IF_ERROR(reader.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                 [&](std::string_view key, std::string_view value) {
                                   auto record = store::decode_template(value);
                                   if (!record) {
                                     decoded = std::move(record).error();
                                     return false;
                                   }
                                   templates_.emplace(store::name_of_template_key(key),
                                                      std::move(*record));
                                   return true;
                                 }));
  show();
  JD_RETURN_IF_ERROR(decoded);
  std::string value;
  JD_TRY(const bool has_floor,
         reader.get(store::Table::main, store::template_floor_key(partition_), value));
  if (has_floor) {
    JD_TRY(floor_, store::decode_template_floor(value));
  }
  return {};
}

Result<void> Templates::evaluate(const StoreTemplate& command, Txn& txn) {
  const auto known = templates_.find(command.name);
  const bool is_new = known == templates_.end();
  store::TemplateRecord record;
  if (is_new) {
    record.last_version = floor_.version;
  } else {
    record = known->second;
  }
  if (command.version != record.last_version + 1) {
    return Error(Errc::conflict,
                 "the template was changed by somebody else at the same time; "
                 "retry");
  }
  if (is_new && templates_.size() >= limits_.per_partition_max) {
    return Error(Errc::too_large,
                 "there are as many templates as there may be (templates.perPartitionMax): delete "
                 "some");
  }
  if (record.versions.size() >= limits_.versions_max) {
    return Error(Errc::too_large,
                 "the template has as many versions as it may have (templates.versionsMax): delete "
                 "some");
  }
  record.last_version = command.version;
  record.versions.push_back(command.version);
  store::TemplateVersionRecord version;
  version.created_at = command.created_at;
  version.payload = command.payload;
  txn.put(store::template_version_key(partition_, command.name, command.version),
          store::encode(version));
  put(command.name, std::move(record), txn);
  return {};
}

Result<void> Templates::evaluate(const DeleteTemplate& command, Txn& txn) {
  const auto known = templates_.find(command.name);
  if (known == templates_.end()) return Error(Errc::not_found, "there is no such template");
  store::TemplateRecord record = known->second;
  if (command.version == 0) {
    remove(command.name, record, txn);
    return {};
  }
  const auto version = std::find(record.versions.begin(), record.versions.end(), command.version);
  if (version == record.versions.end()) {
    return Error(Errc::not_found, "the template has no such version");
  }
  if (record.versions.size() == 1) {
    remove(command.name, record, txn);
    return {};
  }
  record.versions.erase(version);
  txn.erase(store::template_version_key(partition_, command.name, command.version));
  put(command.name, std::move(record), txn);
  return {};
}

void Templates::remove(const std::string& name, const store::TemplateRecord& record, Txn& txn) {
  for (const std::uint64_t version : record.versions) {
    txn.erase(store::template_version_key(partition_, name, version));
  }
  if (record.last_version > floor_.version) {
    txn.undo([this, before = floor_] { floor_ = before; });
    floor_.version = record.last_version;
    txn.put(store::template_floor_key(partition_), store::encode(floor_));
  }
  put(name, std::nullopt, txn);
}

void Templates::put(const std::string& name, std::optional<store::TemplateRecord> record,
                    Txn& txn) {
  std::optional<store::TemplateRecord> before;
  if (const auto known = templates_.find(name); known != templates_.end()) before = known->second;
  txn.undo([this, name, before = std::move(before)] {
    if (before) {
      templates_[name] = *before;
    } else {
      templates_.erase(name);
    }
    show();
  });
  const std::string key = store::template_key(partition_, name);
  if (record) {
    txn.put(key, store::encode(*record));
    templates_[name] = std::move(*record);
  } else {
    txn.erase(key);
    templates_.erase(name);
  }
  show();
}

void Templates::describe(StateLines& lines) const {
  lines.add("template floor", floor_.version);
  for (const auto& [name, record] : templates_) {
    lines.add("template", name, store::encode(record));
  }
}

}  // namespace jindou::partition
