#include "webhook/bodies.h"

#include <zlib.h>

#include "codec/json_writer.h"
#include "codec/message_object.h"

namespace jindou::webhook {

namespace {

// zlib's window of 32 KiB (15 bits) with 16 added asks for gzip's header and trailer.
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kDefaultMemoryLevel = 8;

void write_uids(codec::JsonWriter& json, std::span<const std::string> uids) {
  json.begin_array();
  for (const std::string& uid : uids) json.string(uid);
  json.end_array();
}

}  // namespace

void append_notify_element(std::string& array, const Message& message) {
  if (!array.empty()) array.push_back(',');
  codec::JsonWriter json(array);
  json.begin_object();
  codec::write_message_members(json, message, {});
  codec::write_moderation(json, message.moderation.get());
  json.end_object();
}

Result<std::string> offline_body(const Message& message, std::span<const std::string> to_uids,
                                 std::size_t compress_above, std::uint32_t node_id) {
  const bool compressed = compress_above > 0 && to_uids.size() > compress_above;
  std::string packed;
  if (compressed) {
    std::string list;
    codec::JsonWriter writer(list);
    write_uids(writer, to_uids);
    JD_TRY(packed, gzip(list));
  }
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  codec::write_message_members(json, message, {}, codec::SystemSender::named);
  codec::write_moderation(json, message.moderation.get());
  json.key("to_uids");
  write_uids(json, compressed ? std::span<const std::string>() : to_uids);
  if (compressed) {
    json.string("compress", "gzip");
    json.base64("compress_to_uids", packed);
  }
  json.number("source_id", node_id);
  json.end_object();
  return body;
}

std::string online_status_text(std::string_view uid, DeviceFlag flag, bool online,
                               std::uint64_t session_id, std::size_t device_online,
                               std::size_t total_online) {
  std::string text(uid);
  text.append("-").append(std::to_string(raw(flag)));
  text.append(online ? "-1-" : "-0-").append(std::to_string(session_id));
  text.append("-").append(std::to_string(device_online));
  text.append("-").append(std::to_string(total_online));
  return text;
}

std::string online_status_body(std::span<const std::string> texts) {
  std::string body;
  codec::JsonWriter json(body);
  write_uids(json, texts);
  return body;
}

Result<std::string> gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits, kDefaultMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return Error(Errc::internal, "zlib does not start");
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  // zlib takes a pointer to mutable bytes that it does not change.
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (ended != Z_STREAM_END) return Error(Errc::internal, "zlib does not finish");
  return out;
}

}  // namespace jindou::webhook
