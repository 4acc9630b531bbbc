// What tests of sessions share: a host that records, a clock that is turned by hand, and the
// shard's parts around a session.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/session.h"

namespace jindou::gateway {

class FakeHost final : public SessionHost {
 public:
  OutboundBuffer& outbound() override { return buffer; }
  void outbound_changed() override {}
  void flush_outbound() override { ++flushes; }
  void begin_login(LoginRequest request) override { login = std::move(request); }
  Result<void> submit(std::vector<SendCommand> commands, std::uint64_t first,
                      std::uint64_t end) override {
    if (refuse_with) return Error(*refuse_with);
    batches.push_back({std::move(commands), first, end});
    return {};
  }
  void advance_commands(partition::AdvanceCommandPosition position) override {
    positions.push_back(position.uid + " " + position.channel.id + " " +
                        std::to_string(raw(position.channel.type)) + " " +
                        std::to_string(position.seq));
  }
  void end_connection(EndHow how, std::string_view cause, std::string_view detail) override {
    ended = how;
    end_cause = cause;
    end_detail = detail;
    ++ends;
  }
  void resume_input() override { ++resumes; }

  struct Batch {
    std::vector<SendCommand> commands;
    std::uint64_t first;
    std::uint64_t end;
  };
  // Takes one frame off what the session has sent.
  std::optional<codec::FrameType> next_frame() {
    const auto outcome = codec::parse_frame(buffer.pending());
    if (outcome.state != codec::ParseOutcome::State::frame) return std::nullopt;
    const auto type = outcome.frame.type;
    buffer.consume(outcome.frame.consumed);
    return type;
  }

  BufferPool pool;
  OutboundBuffer buffer{pool};
  std::optional<LoginRequest> login;
  std::vector<std::string> positions;
  std::vector<Batch> batches;
  std::optional<EndHow> ended;
  std::string end_cause;
  std::string end_detail;
  std::optional<Errc> refuse_with;
  int ends = 0;
  int resumes = 0;
  int flushes = 0;
};

class HandClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 1'700'000'000'000 + passed.count(); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(passed);
  }
  std::chrono::milliseconds passed{0};
};

// Everything that the sessions of one shard share.
struct SessionWorld {
  SessionWorld() {
    options->limits.inbound_items_in_flight = 4;
    options->limits.outbound_frames_max = 16;
  }

  // Has fan-out hand one message or event to the sessions of user "u".
  void post(partition::CommitEffect effect) {
    effect.recipients.listed = {"u"};
    auto batch = std::make_shared<partition::CommittedBatch>();
    batch->effects.push_back(std::move(effect));
    fan_out.post(batch, 100);
    context.restart();
    context.poll();
  }
  void post(std::shared_ptr<const Message> message) {
    post(partition::CommitEffect{partition::CommittedMessage{std::move(message)}, {}});
  }

  std::shared_ptr<GatewayOptions> options = std::make_shared<GatewayOptions>();
  HandClock clock;
  SystemRandom random;
  observe::Metrics metrics;
  boost::asio::io_context context;
  delivery::ShardFanOut fan_out{context, clock, metrics, {}};
  presence::SessionDirectory directory;
  std::shared_ptr<ShardTraffic> traffic = std::make_shared<ShardTraffic>();
  SessionEnv env{options, clock, random, metrics, fan_out, directory, traffic, 0};
};

}  // namespace jindou::gateway
