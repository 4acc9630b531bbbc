#include "partition/modules.h"

#include <utility>
#include <variant>

#include "partition/command_variant.h"

namespace jindou::partition {

Modules::Modules(store::PartitionReader reader, const PartitionDeps& deps,
                 const PartitionOptions& options)
    : stamps(deps.horizon),
      channels(reader, deps.clock, stamps, options.channels_max),
      receivers(channels, deps.lists),
      conversations(reader, deps.clock, channels, stamps),
      list_slices(reader, options.lists, channels, conversations),
      list_jobs({reader, deps.clock}, options.lists, channels, list_slices),
      index(reader, deps.loader, options.index_generation_entries, options.index_filter_bytes_max),
      streams({reader, deps.clock, deps.fingerprint_seed}, options.events, channels, receivers),
      changes(reader.partition(), {deps.clock, deps.seq_floor, options.log_changes_max}, ids),
      log({reader, deps.clock, stamps, deps.seq_floor}, changes, channels, conversations, receivers,
          streams.lanes()),
      imports({reader, deps.clock, deps.seq_floor}, ids, channels, receivers, conversations, log),
      lists(channels, conversations, log, list_jobs),
      conversation_changes({reader, channels, conversations, receivers, list_slices, stamps}),
      tokens(reader, channels),
      outbox(reader.partition(), options.webhook_letters),
      account_changes(reader.partition()),
      requests(reader),
      bulk_counts(reader),
      templates(reader.partition(), options.templates, deps.templates_stored),
      jobs(reader, options.jobs),
      sending(reader.partition(),
              {deps.clock, deps.accounts, stamps, ids, receivers, channels, conversations,
               list_slices, index, log},
              {options.permission, options.idempotency_window_seconds, deps.fingerprint_seed}),
      reader_(reader) {}

Result<void> Modules::open(const store::PartitionState& state, Txn& txn) {
  JD_RETURN_IF_ERROR(index.open());
  JD_RETURN_IF_ERROR(outbox.open(reader_));
  JD_RETURN_IF_ERROR(conversation_changes.open());
  JD_RETURN_IF_ERROR(streams.open());
  JD_RETURN_IF_ERROR(templates.open(reader_));
  JD_RETURN_IF_ERROR(jobs.open());
  JD_TRY(auto unfinished, list_jobs.load_unfinished());
  list_jobs.abandon(Errc::unavailable);
  channels.clear();
  conversations.clear();
  tokens.clear();
  requests.clear();
  bulk_counts.clear();
  stamps.open(state.stamped_to_ns);
  ids.open(state.id_bound);
  return list_jobs.resume(std::move(unfinished), txn);
}

namespace {

template <class Command>
Result<void> evaluate_in(Modules& modules, const Command& command, Txn& txn) {
  if constexpr (is_command_of<Command, ListCommand>) {
    return modules.lists.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, ConversationCommand>) {
    return modules.conversation_changes.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, LogCommand>) {
    return modules.log.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, ImportCommand>) {
    return modules.imports.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, StreamCommand>) {
    return modules.streams.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, TokenCommand>) {
    return modules.tokens.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, OutboxCommand>) {
    return modules.outbox.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, AccountCommand>) {
    return modules.account_changes.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, RequestCommand>) {
    return modules.requests.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, BulkCommand>) {
    return modules.bulk_counts.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, TemplateCommand>) {
    return modules.templates.evaluate(command, txn);
  } else if constexpr (is_command_of<Command, JobCommand>) {
    return modules.jobs.evaluate(command, txn);
  } else {
    static_assert(is_command_of<Command, TimeCommand>, "the variant of no module has it");
    return modules.stamps.evaluate(command, txn);
  }
}

}  // namespace

Result<void> Modules::evaluate(const Change& change, Txn& txn) {
  return std::visit([&](const auto& command) { return evaluate_in(*this, command, txn); }, change);
}

StateLines Modules::describe() const {
  StateLines lines;
  stamps.describe(lines);
  ids.describe(lines);
  channels.describe(lines);
  conversations.describe(lines);
  list_jobs.describe(lines);
  index.describe(lines);
  streams.describe(lines);
  conversation_changes.describe(lines);
  tokens.describe(lines);
  requests.describe(lines);
  bulk_counts.describe(lines);
  outbox.describe(lines);
  templates.describe(lines);
  jobs.describe(lines);
  return lines;
}

}  // namespace jindou::partition
