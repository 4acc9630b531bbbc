// Commands that change channels and users (everything but sending), those of all modules.
//
// Each belongs to one partition: that of the channel or user it names, or the partition it says.
#pragma once

#include "partition/account_commands.h"
#include "partition/bulk_commands.h"
#include "partition/command_variant.h"
#include "partition/conversation_commands.h"
#include "partition/import_commands.h"
#include "partition/job_commands.h"
#include "partition/list_commands.h"
#include "partition/log_commands.h"
#include "partition/outbox_commands.h"
#include "partition/request_commands.h"
#include "partition/stream_commands.h"
#include "partition/template_commands.h"
#include "partition/time_commands.h"
#include "partition/token_commands.h"

namespace jindou::partition {

using Change = JoinedVariants<ListCommand, ConversationCommand, LogCommand, StreamCommand,
                              TokenCommand, OutboxCommand, AccountCommand, RequestCommand,
                              TimeCommand, TemplateCommand, JobCommand, BulkCommand, ImportCommand>;

}  // namespace jindou::partition
