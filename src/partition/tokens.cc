#include "partition/tokens.h"

#include <algorithm>

#include "store/keys.h"

namespace jindou::partition {

Tokens::Tokens(store::PartitionReader reader, ChannelCache& channels)
    : partition_(reader.partition()), reader_(reader), channels_(channels) {}

Result<void> Tokens::evaluate(const StoreToken& command, Txn& txn) {
  JD_TRY(const bool banned, is_banned(command.uid));
  if (banned) return Error(Errc::denied, "the user is banned");
  if (command.only_own) {
    JD_TRY(const Stored tokens, load(command.uid));
    for (const auto& [key, known] : tokens) {
      if (known.token != command.token) {
        return Error(Errc::conflict, "the user has another token");
      }
    }
  }
  store::TokenRecord record;
  record.token = command.token;
  record.level = command.level;
  put(store::device_token_key(partition_, command.uid, command.device_flag), record, txn);
  return {};
}

Result<bool> Tokens::is_banned(const std::string& uid) const {
  const ChannelKey inbox(uid, ChannelType::person);
  store::ChannelRecord record;
  // Not loaded into the cache: whoever logs in would push channels out of it.
  if (const CachedChannel* known = channels_.find(inbox)) {
    record = known->record;
  } else {
    std::string value;
    JD_TRY(const bool exists,
           reader_.get(store::Table::main, store::channel_key(partition_, inbox), value));
    if (!exists) return false;
    JD_TRY(record, store::decode_channel(value));
  }
  return record.flags.ban || record.flags.disband;
}

Result<void> Tokens::evaluate(const ClearTokens& command, Txn& txn) {
  JD_TRY(Stored tokens, load(command.uid));
  const auto wanted = command.device_flag
                          ? store::device_token_key(partition_, command.uid, *command.device_flag)
                          : std::string();
  for (auto& [key, record] : tokens) {
    if (!wanted.empty() && key != wanted) continue;
    record.token.clear();
    put(key, record, txn);
  }
  return {};
}

void Tokens::put(const std::string& key, const store::TokenRecord& record, Txn& txn) {
  txn.put(key, store::encode(record));
  recent_.remember(key, record, txn);
}

Result<Tokens::Stored> Tokens::load(std::string_view uid) const {
  const std::string prefix = store::device_token_prefix(partition_, uid);
  Stored tokens;
  Result<void> decoded;
  JD_RETURN_IF_ERROR(reader_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                  [&](std::string_view key, std::string_view value) {
                                    auto record = store::decode_token(value);
                                    if (!record) {
                                      decoded = std::move(record).error();
                                      return false;
                                    }
                                    tokens.emplace_back(std::string(key), std::move(*record));
                                    return true;
                                  }));
  JD_RETURN_IF_ERROR(decoded);
  // Later than what the store knows.
  recent_.for_each([&](const std::string& key, const store::TokenRecord& record, std::uint64_t) {
    if (!key.starts_with(prefix)) return;
    const auto known = std::ranges::find(tokens, key, &Stored::value_type::first);
    if (known != tokens.end()) {
      known->second = record;
    } else {
      tokens.emplace_back(key, record);
    }
  });
  return tokens;
}

void Tokens::describe(StateLines& lines) const {
  recent_.for_each([&lines](const auto& key, const store::TokenRecord& record, auto position) {
    lines.add("token", key, store::encode(record), position);
  });
}

}  // namespace jindou::partition
