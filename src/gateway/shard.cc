#include "gateway/shard.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <functional>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"

namespace jindou::gateway {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {
// What a client is told that an operator has kicked (POST /conn/kick).
constexpr std::string_view kServerKickText = "server kick";
}  // namespace

Shard::Shard(asio::io_context& context, runtime::BlockingPool& pool, CorePort& core, SessionEnv env,
             std::size_t push_record_bytes, std::shared_ptr<std::atomic<std::size_t>> connections,
             std::shared_ptr<Admission> admission)
    : context_(context),
      pool_(pool),
      core_(core),
      pushes_(push_record_bytes, env.clock),
      env_(std::move(env)),
      connection_count_(std::move(connections)),
      admission_(std::move(admission)),
      read_buffer_(std::make_unique<char[]>(kReadBytes)),
      over_limit_(env_.options->refusals_max),
      kept_out_(env_.options->refusals_max),
      timer_(context) {
  if (pushes_.on()) env_.pushes = &pushes_;
  const GatewayOptions& options = *env_.options;
  // Deadlines are kept to an eighth of the shortest, between 10 ms (tests) and half a second.
  const milliseconds shortest =
      std::min({options.limits.connect_timeout, options.login_timeout, options.linger_time,
                std::max(options.limits.kick_grace, milliseconds(80)), options.idle_time});
  tick_ = std::clamp(shortest / 8, milliseconds(10), milliseconds(500));
  scan_every_ = std::clamp(std::min(options.idle_time / 8, options.retry.scan_interval), tick_,
                           std::max(tick_, milliseconds(5'000)));
}

Shard::~Shard() = default;

// ---- from other threads -----------------------------------------------------------------------

void Shard::start() {
  asio::post(context_, [self = shared_from_this()] {
    self->next_scan_ = self->env_.clock.steady() + self->scan_every_;
    self->schedule_tick();
  });
}

void Shard::post_accepted(Accepted accepted) {
  asio::post(context_, [self = shared_from_this(), accepted = std::move(accepted)]() mutable {
    boost::system::error_code error;
    if (!self->stopping_) accepted.socket.non_blocking(true, error);
    if (self->stopping_ || error) {
      if (accepted.refusal == Refusal::none) self->connection_count_->fetch_sub(1);
      return;
    }
    const SessionId id = accepted.id;
    auto connection = std::make_shared<Connection>(std::move(accepted), self);
    self->connections_.emplace(id, connection);
    self->add_deadline(DeadlineKind::connect, id, self->env_.options->limits.connect_timeout);
    connection->start();
  });
}

void Shard::post_kick(SessionId id, Reason reason, std::string text, milliseconds grace) {
  env_.fan_out.post_first([shard = weak_from_this(), id, reason, text = std::move(text), grace] {
    const auto self = shard.lock();
    if (self == nullptr) return;
    if (const auto connection = self->find(id)) self->kick(*connection, reason, text, grace);
  });
}

void Shard::post_close(SessionId id, milliseconds grace) {
  env_.fan_out.post_first([shard = weak_from_this(), id, grace] {
    const auto self = shard.lock();
    if (self == nullptr) return;
    if (const auto connection = self->find(id)) self->close(*connection, grace);
  });
}

void Shard::post_kick_of(SessionId id, std::string uid, bool tell) {
  env_.fan_out.post_first([shard = weak_from_this(), id, uid = std::move(uid), tell] {
    const auto self = shard.lock();
    if (self == nullptr) return;
    const auto connection = self->find(id);
    if (connection == nullptr || !connection->session().is_live()) return;
    if (!uid.empty() && connection->session().uid() != uid) return;
    if (tell) {
      self->kick(*connection, Reason::connect_kick, kServerKickText,
                 self->env_.options->limits.kick_grace);
    } else {
      self->close(*connection, milliseconds(0));
    }
  });
}

void Shard::kick(Connection& connection, Reason reason, std::string_view text, milliseconds grace) {
  connection.session().send_disconnect(reason, text);
  close(connection, grace, text);
}

void Shard::close(Connection& connection, milliseconds grace, std::string_view why) {
  if (grace > milliseconds(0)) {
    add_deadline(DeadlineKind::kick, connection.id(), grace);
  } else {
    connection.session().end(EndHow::after_flush, kKickedCause, why);
  }
}

// The connections still to be looked at, by id: they may be gone when their turn comes.
struct Shard::SurveyState {
  explicit SurveyState(std::shared_ptr<ConnectionSurvey> to)
      : survey(std::move(to)), builder(survey->query()) {}

  std::shared_ptr<ConnectionSurvey> survey;
  PageBuilder builder;
  std::vector<SessionId> ids;
};

void Shard::post_survey(std::shared_ptr<ConnectionSurvey> survey) {
  asio::post(context_, [self = shared_from_this(), survey = std::move(survey)]() mutable {
    auto state = std::make_shared<SurveyState>(std::move(survey));
    const std::vector<SessionId>& only = state->survey->query().only;
    if (only.empty()) {
      state->ids.reserve(self->connections_.size());
      for (const auto& [id, connection] : self->connections_) state->ids.push_back(id);
    } else {
      state->ids = only;  // those of other shards are not found here
    }
    self->continue_survey(std::move(state));
  });
}

void Shard::continue_survey(std::shared_ptr<SurveyState> state) {
  JD_ASSERT(on_shard());
  for (std::size_t i = 0; i < kSurveyTurn && !state->ids.empty(); ++i) {
    const SessionId id = state->ids.back();
    state->ids.pop_back();
    if (id <= state->survey->query().after) continue;
    const auto connection = find(id);
    if (connection == nullptr || !connection->session().is_live()) continue;
    if (connection->session().uid().find(state->survey->query().uid_part) ==
        std::string_view::npos) {
      continue;
    }
    state->builder.add(connection->describe());
  }
  if (state->ids.empty()) {
    state->survey->add_shard(state->builder.take());
    return;
  }
  asio::post(context_, [self = shared_from_this(), state = std::move(state)]() mutable {
    self->continue_survey(std::move(state));
  });
}

struct Shard::PushState {
  PushState(std::shared_ptr<PushSurvey> to, const PushRecord& record)
      : survey(std::move(to)),
        search(record, survey->query().message, survey->query().committed_at) {}

  std::shared_ptr<PushSurvey> survey;
  PushSearch search;
  std::vector<presence::PushedDevice> unnamed;  // from the next one on
  std::size_t next = 0;
  presence::PushReport report;
};

void Shard::post_push_survey(std::shared_ptr<PushSurvey> survey) {
  asio::post(context_, [self = shared_from_this(), survey = std::move(survey)]() mutable {
    self->search_pushes(std::make_shared<PushState>(std::move(survey), self->pushes_));
  });
}

void Shard::search_pushes(std::shared_ptr<PushState> state) {
  JD_ASSERT(on_shard());
  if (state->search.advance(kNotesTurn)) {
    asio::post(context_, [self = shared_from_this(), state = std::move(state)]() mutable {
      self->search_pushes(std::move(state));
    });
    return;
  }
  presence::PushReport& report = state->report;
  // As it is now: what was written over meanwhile may not have been found.
  report.since_ms = pushes_.since_ms();
  state->unnamed = state->search.take();
  if (state->survey->query().uid.empty()) {
    report.devices = state->unnamed.size();
    report.acknowledged = static_cast<std::size_t>(std::ranges::count_if(
        state->unnamed,
        [](const presence::PushedDevice& device) { return device.acknowledged_at_ms != 0; }));
  }
  name_pushed(std::move(state));
}

void Shard::name_pushed(std::shared_ptr<PushState> state) {
  JD_ASSERT(on_shard());
  const presence::PushQuery& query = state->survey->query();
  presence::PushReport& report = state->report;
  const bool of_anybody = query.uid.empty();
  for (std::size_t i = 0; i < kSurveyTurn && state->next < state->unnamed.size(); ++i) {
    if (of_anybody && report.listed.size() >= query.listed_max) break;
    presence::PushedDevice& device = state->unnamed[state->next++];
    if (!name(device)) ++report.nameless;
    if (!of_anybody) {
      if (device.uid != query.uid) continue;
      ++report.devices;
      if (device.acknowledged_at_ms != 0) ++report.acknowledged;
      if (report.listed.size() >= query.listed_max) continue;
    }
    report.listed.push_back(std::move(device));
  }
  const bool done = state->next == state->unnamed.size() ||
                    (of_anybody && report.listed.size() >= query.listed_max);
  if (done) {
    state->survey->add_shard(std::move(report));
    return;
  }
  asio::post(context_, [self = shared_from_this(), state = std::move(state)]() mutable {
    self->name_pushed(std::move(state));
  });
}

bool Shard::name(presence::PushedDevice& device) const {
  if (const PushRecord::Ended* ended = pushes_.find_ended(device.session)) {
    device.uid = ended->uid;
    device.device_id = ended->device_id;
    device.device_flag = ended->device_flag;
    return true;
  }
  const auto connection = find(device.session);
  if (connection == nullptr || !connection->session().is_live()) return false;
  presence::ConnectionInfo info;
  connection->session().describe(info);
  device.uid = std::move(info.uid);
  device.device_id = std::move(info.device_id);
  device.device_flag = info.device_flag;
  device.connected = true;
  return true;
}

void Shard::post_stop() {
  asio::post(context_, [self = shared_from_this()] {
    self->stopping_ = true;
    std::vector<std::shared_ptr<Connection>> all;
    for (const auto& [id, connection] : self->connections_) all.push_back(connection);
    for (const auto& connection : all) connection->begin_stop();
  });
}

void Shard::post_close_all(std::function<void()> done) {
  asio::post(context_, [self = shared_from_this(), done = std::move(done)] {
    self->stopping_ = true;
    self->stopped_ = true;
    self->timer_.cancel();
    std::vector<std::shared_ptr<Connection>> all;
    for (const auto& [id, connection] : self->connections_) all.push_back(connection);
    for (const auto& connection : all) connection->close();
    // The turn that would flush them may never come, and they hold this object.
    self->dirty_.clear();
    done();
  });
}

// ---- connections ------------------------------------------------------------------------------

std::span<char> Shard::plain_buffer() {
  if (plain_buffer_ == nullptr) plain_buffer_ = std::make_unique<char[]>(kTlsRecordBytes);
  return {plain_buffer_.get(), kTlsRecordBytes};
}

WsDeflater& Shard::deflater() {
  if (deflater_ == nullptr) {
    deflater_ = std::make_unique<WsDeflater>(env_.options->limits.compression_min_bytes);
  }
  return *deflater_;
}

WsInflater& Shard::inflater() {
  if (inflater_ == nullptr) inflater_ = std::make_unique<WsInflater>();
  return *inflater_;
}

std::shared_ptr<Connection> Shard::find(SessionId id) const {
  JD_ASSERT(on_shard());
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second;
}

void Shard::retire(std::shared_ptr<Connection> connection) {
  JD_ASSERT(on_shard());
  connections_.erase(connection->id());
  if (connection->refusal() != Refusal::max_connections) connection_count_->fetch_sub(1);
  if (connection->refusal() != Refusal::none) {
    kept_with(connection->refusal()).remove(connection->id());
  }
  asio::post(context_, [connection = std::move(connection)] {});
}

void Shard::keep_refused(Connection& connection) {
  JD_ASSERT(on_shard());
  const auto oldest = kept_with(connection.refusal()).add(connection.id());
  if (!oldest) return;
  if (const auto over = find(*oldest)) over->close_refused();
}

void Shard::add_dirty(std::shared_ptr<Connection> connection) {
  JD_ASSERT(on_shard());
  if (dirty_.empty()) {
    asio::post(context_, [self = shared_from_this()] { self->flush_dirty(); });
  }
  dirty_.push_back(std::move(connection));
}

void Shard::flush_dirty() {
  JD_ASSERT(on_shard());
  flushing_.swap(dirty_);
  for (const auto& connection : flushing_) {
    connection->flush_dirty();
  }
  flushing_.clear();
}

// ---- the core ---------------------------------------------------------------------------------

void Shard::begin_login(SessionId id, LoginRequest request) {
  JD_ASSERT(on_shard());
  add_deadline(DeadlineKind::login, id, env_.options->login_timeout);
  asio::co_spawn(context_, run_login(shared_from_this(), id, std::move(request)),
                 [](const std::exception_ptr& failure) {
                   if (!failure) return;
                   try {
                     std::rethrow_exception(failure);
                   } catch (const std::exception& exception) {
                     // The login deadline closes the connection.
                     observe::log_error("gateway", "login failed: {}", exception.what());
                   }
                 });
}

asio::awaitable<void> Shard::run_login(std::shared_ptr<Shard> self, SessionId id,
                                       LoginRequest request) {
  auto work = [shard = self.get(), request = std::move(request)]() -> Result<Login> {
    // First the mark, then the token: a kick in between is noticed when the session registers.
    const presence::KickMark kicks_seen =
        shard->env_.directory.kick_mark(request.uid, request.device_flag);
    auto login = authenticate(request, *shard->env_.options, *shard->admission_, shard->core_,
                              shard->env_.random);
    if (login) login->kicks_seen = kicks_seen;
    return login;
  };
  auto login = co_await pool_.run(std::move(work));
  finish_login(id, std::move(login));
}

void Shard::finish_login(SessionId id, Result<Login> login) {
  JD_ASSERT(on_shard());
  const auto connection = find(id);
  if (connection == nullptr || stopping_) return;
  connection->session().finish_login(std::move(login), connection->has_unparsed());
}

Result<void> Shard::submit(SessionId id, std::vector<SendCommand> commands, std::uint64_t first,
                           std::uint64_t end) {
  JD_ASSERT(on_shard());
  auto done = [self = shared_from_this(), id, first, end](std::vector<SendResult> results) {
    asio::post(self->context_, [self, id, first, end, results = std::move(results)] {
      if (const auto connection = self->find(id)) connection->finish_sends(first, end, results);
    });
  };
  return core_.post_send(std::move(commands), std::move(done));
}

void Shard::advance_commands(partition::AdvanceCommandPosition position) {
  JD_ASSERT(on_shard());
  if (const auto taken = core_.post_change(std::move(position)); !taken) {
    observe::log_debug("gateway", "commands will be shown once more: {}", taken.error().text());
  }
}

void Shard::log_end(const Connection& connection, std::string_view cause, std::string_view detail) {
  JD_ASSERT(on_shard());
  const EndCause& why = end_cause(cause);
  const auto now = std::chrono::nanoseconds(env_.clock.steady().time_since_epoch()).count();
  const bool paid = !why.ordinary && Pace::take(end_lines_paid_until_, now, kEndLinesPerSecond);
  if (!why.ordinary && !paid) ++ends_unlogged_;
  const observe::LogLevel level = paid ? observe::LogLevel::info : observe::LogLevel::debug;
  if (!observe::log_enabled(level)) return;
  const std::string_view uid = connection.session().uid();
  std::string line =
      fmt::format("connection {} ({}, {}{}{}) ends: {}: {}", raw(connection.id()),
                  connection.session().transport(), connection.client_ip().to_string(),
                  uid.empty() ? "" : ", user ", uid, cause, detail.empty() ? why.text : detail);
  if (paid && ends_unlogged_ > 0) {
    line += fmt::format(" (and {} more that were not logged)", std::exchange(ends_unlogged_, 0));
  }
  observe::log_write(level, "gateway", line);
}

// ---- time -------------------------------------------------------------------------------------

void Shard::add_deadline(DeadlineKind kind, SessionId id, milliseconds after) {
  JD_ASSERT(on_shard());
  deadlines_.push_back({env_.clock.steady() + after, id, kind});
}

void Shard::schedule_tick() {
  timer_.expires_after(tick_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->stopped_) return;
    self->on_tick();
    self->schedule_tick();
  });
}

void Shard::on_tick() {
  JD_ASSERT(on_shard());
  const TimePoint now = env_.clock.steady();
  const auto due = std::partition(deadlines_.begin(), deadlines_.end(),
                                  [now](const Deadline& deadline) { return deadline.at > now; });
  // What a deadline does may add others.
  const std::vector<Deadline> passed(due, deadlines_.end());
  deadlines_.erase(due, deadlines_.end());
  for (const Deadline& deadline : passed) on_deadline(deadline);
  if (now >= next_scan_) {
    scan(now);
    next_scan_ = now + scan_every_;
  }
}

void Shard::on_deadline(const Deadline& deadline) {
  const auto connection = find(deadline.id);
  if (connection == nullptr) return;
  Session& session = connection->session();
  switch (deadline.kind) {
    case DeadlineKind::connect:
      if (session.is_before_connect()) session.end(EndHow::after_flush, "no_connect");
      break;
    case DeadlineKind::login:
      session.give_up_login(Reason::system_error, kLoginTimeoutCause);
      break;
    case DeadlineKind::kick: session.end(EndHow::after_flush, kKickedCause); break;
    case DeadlineKind::linger: connection->close(); break;
    case DeadlineKind::refusal: connection->close_refused(); break;
  }
}

void Shard::scan(TimePoint now) {
  std::vector<std::shared_ptr<Connection>> idle;
  std::vector<SessionId> unacked;
  for (const auto& [id, connection] : connections_) {
    if (connection->is_closing()) continue;
    if (now - connection->last_input() > env_.options->idle_time) {
      idle.push_back(connection);
    } else if (connection->session().has_unacked()) {
      unacked.push_back(id);
    }
  }
  for (const auto& connection : idle) connection->session().end(EndHow::after_flush, "idle");
  begin_resends(std::move(unacked), now);
}

void Shard::begin_resends(std::vector<SessionId> sessions, TimePoint now) {
  JD_ASSERT(on_shard());
  // A round that the disk holds up is finished first: what is due now is due in the next scan too.
  if (sessions.empty() || std::exchange(resending_, true)) return;
  asio::co_spawn(context_, run_resends(shared_from_this(), std::move(sessions), now),
                 [self = shared_from_this()](const std::exception_ptr& failure) {
                   self->resending_ = false;
                   if (!failure) return;
                   try {
                     std::rethrow_exception(failure);
                   } catch (const std::exception& exception) {
                     observe::log_error("gateway", "sending again failed: {}", exception.what());
                   }
                 });
}

asio::awaitable<void> Shard::run_resends(std::shared_ptr<Shard> self,
                                         std::vector<SessionId> sessions, TimePoint now) {
  auto next = sessions.begin();
  while (next != sessions.end() && !stopped_) {
    std::vector<std::shared_ptr<const Message>> due;
    std::vector<SessionId> waiting;
    for (; next != sessions.end() && due.size() < kResendTurn; ++next) {
      const auto connection = find(*next);
      if (connection == nullptr) continue;
      if (connection->session().collect_due(now, due) > 0) {
        waiting.push_back(*next);
      } else {
        connection->session().resend_due(now);  // gives up what has had its tries
      }
    }
    if (due.empty()) continue;
    std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a->id < b->id; });
    due.erase(std::unique(due.begin(), due.end(),
                          [](const auto& a, const auto& b) { return a->id == b->id; }),
              due.end());
    auto work = [self, due = std::move(due)] { return self->core_.find_gone(due); };
    const auto gone = co_await pool_.run(std::move(work));
    if (!gone) {
      // Due as before, so the next scan tries again.
      observe::log_warn("gateway", "messages without a receipt cannot be looked up: {}",
                        gone.error().text());
      co_return;
    }
    for (const SessionId id : waiting) {
      const auto connection = find(id);
      if (connection == nullptr) continue;
      connection->session().forget_messages(*gone);
      connection->session().resend_due(now);
    }
  }
}

}  // namespace jindou::gateway
