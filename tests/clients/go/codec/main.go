// The published Go codec on a pipe, so that a test can hold ours against it.
//
//	codec generate <seed> <count>   prints {"version","type","fields","hex"} lines: random frames
//	                                of every type and version the codec can encode
//	codec decode                    reads "<version> <hex>" lines; for each prints
//	                                {"error"} or {"consumed","type","fields","hex"}, hex being the
//	                                frame encoded again
//	codec broken                    prints one SEND of version 5 with the stream bit, whose length
//	                                this codec gets wrong
//
// The names of the fields are those that tests/clients/frame_mirror prints.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"strconv"
	"strings"

	wkproto "github.com/WuKongIM/WuKongIMGoProto"
)

type object = map[string]interface{}

type line struct {
	Version  uint8  `json:"version"`
	Type     uint8  `json:"type"`
	Consumed int    `json:"consumed"`
	Fields   object `json:"fields"`
	Hex      string `json:"hex"`
}

func flags(f wkproto.Frame) uint8 {
	return wkproto.ToFixHeaderUint8(f) & 15
}

func fields(frame wkproto.Frame) object {
	switch f := frame.(type) {
	case *wkproto.ConnectPacket:
		return object{"version": f.Version, "device_flag": f.DeviceFlag, "device_id": f.DeviceID,
			"uid": f.UID, "token": f.Token, "client_timestamp": f.ClientTimestamp,
			"client_key": f.ClientKey}
	case *wkproto.ConnackPacket:
		return object{"server_version": f.ServerVersion, "time_diff": f.TimeDiff,
			"reason": f.ReasonCode, "server_key": f.ServerKey, "salt": f.Salt, "node_id": f.NodeId}
	case *wkproto.SendPacket:
		return object{"flags": flags(f), "setting": f.Setting, "client_seq": f.ClientSeq,
			"client_msg_no": f.ClientMsgNo, "stream_no": f.StreamNo, "channel_id": f.ChannelID,
			"channel_type": f.ChannelType, "expire": f.Expire, "msg_key": f.MsgKey,
			"topic": f.Topic, "payload": hex.EncodeToString(f.Payload)}
	case *wkproto.SendackPacket:
		return object{"flags": flags(f), "message_id": f.MessageID, "client_seq": f.ClientSeq,
			"message_seq": f.MessageSeq, "reason": f.ReasonCode}
	case *wkproto.RecvPacket:
		return object{"flags": flags(f), "setting": f.Setting, "msg_key": f.MsgKey,
			"from_uid": f.FromUID, "channel_id": f.ChannelID, "channel_type": f.ChannelType,
			"expire": f.Expire, "client_msg_no": f.ClientMsgNo, "message_id": f.MessageID,
			"message_seq": f.MessageSeq, "timestamp": f.Timestamp, "topic": f.Topic,
			"payload": hex.EncodeToString(f.Payload)}
	case *wkproto.RecvackPacket:
		return object{"flags": flags(f), "message_id": f.MessageID, "message_seq": f.MessageSeq}
	case *wkproto.DisconnectPacket:
		return object{"reason": f.ReasonCode, "text": f.Reason}
	case *wkproto.SubPacket:
		return object{"setting": f.Setting, "sub_no": f.SubNo, "channel_id": f.ChannelID,
			"channel_type": f.ChannelType, "action": f.Action, "param": f.Param}
	case *wkproto.SubackPacket:
		return object{"sub_no": f.SubNo, "channel_id": f.ChannelID, "channel_type": f.ChannelType,
			"action": f.Action, "reason": f.ReasonCode}
	case *wkproto.EventPacket:
		return object{"id": f.Id, "type": f.Type, "timestamp": f.Timestamp,
			"data": hex.EncodeToString(f.Data)}
	}
	return object{}
}

type generator struct{ *rand.Rand }

// The ends of the range come up often.
func (g generator) number() uint64 {
	switch g.Intn(8) {
	case 0:
		return 0
	case 1:
		return math.MaxUint64
	case 2:
		return 1
	case 3:
		return 1 << uint(g.Intn(64))
	}
	return g.Uint64()
}

var pieces = []string{"a", "Z", "0", "@", "_", "é", "你", "🙂", "\"", "\\", "\x00"}

func (g generator) text() string {
	choice := g.Intn(64)
	if choice < 8 {
		return ""
	}
	if choice == 8 {
		return strings.Repeat("x", math.MaxInt16)
	}
	n := 1 + g.Intn(24)
	if choice == 9 {
		n = 200
	}
	var out strings.Builder
	for i := 0; i < n; i++ {
		out.WriteString(pieces[g.Intn(len(pieces))])
	}
	return out.String()
}

func (g generator) bytes(most int) []byte {
	n := g.Intn(300)
	switch choice := g.Intn(64); {
	case choice < 6:
		n = 0
	case choice == 6:
		n = most
	}
	out := make([]byte, n)
	g.Read(out)
	return out
}

func (g generator) flags() wkproto.Framer {
	return wkproto.Framer{NoPersist: g.Intn(2) == 0, RedDot: g.Intn(2) == 0,
		SyncOnce: g.Intn(2) == 0, DUP: g.Intn(2) == 0}
}

func (g generator) frame(frameType wkproto.FrameType, version uint8) wkproto.Frame {
	n := g.number
	switch frameType {
	case wkproto.CONNECT:
		return &wkproto.ConnectPacket{Version: version, DeviceFlag: wkproto.DeviceFlag(n()),
			DeviceID: g.text(), UID: g.text(), Token: g.text(), ClientTimestamp: int64(n()),
			ClientKey: g.text()}
	case wkproto.CONNACK:
		// As servers do it: the version is there exactly from version 4 on.
		ack := &wkproto.ConnackPacket{TimeDiff: int64(n()), ReasonCode: wkproto.ReasonCode(n()),
			ServerKey: g.text(), Salt: g.text()}
		if version >= 4 {
			ack.HasServerVersion, ack.ServerVersion, ack.NodeId = true, version, n()
		}
		return ack
	case wkproto.SEND:
		send := &wkproto.SendPacket{Framer: g.flags(), Setting: wkproto.Setting(n()) &^ 0x04,
			ClientSeq: uint64(uint32(n())), ClientMsgNo: g.text(), ChannelID: g.text(),
			ChannelType: uint8(n()), MsgKey: g.text(), Payload: g.bytes(wkproto.PayloadMaxSize)}
		if version >= 5 {
			send.Setting &^= wkproto.SettingStream // see "broken"
		}
		if version >= 2 && send.Setting.IsSet(wkproto.SettingStream) {
			send.StreamNo = g.text()
		}
		if version >= 3 {
			send.Expire = uint32(n())
		}
		if send.Setting.IsSet(wkproto.SettingTopic) {
			send.Topic = g.text()
		}
		return send
	case wkproto.SENDACK:
		return &wkproto.SendackPacket{Framer: g.flags(), MessageID: int64(n()),
			ClientSeq: uint64(uint32(n())), MessageSeq: uint32(n()),
			ReasonCode: wkproto.ReasonCode(n())}
	case wkproto.RECV:
		recv := &wkproto.RecvPacket{Framer: g.flags(), Setting: wkproto.Setting(n()),
			MsgKey: g.text(), FromUID: g.text(), ChannelID: g.text(), ChannelType: uint8(n()),
			ClientMsgNo: g.text(), MessageID: int64(n()), MessageSeq: uint32(n()),
			Timestamp: int32(n()), Payload: g.bytes(200000)}
		if version >= 3 {
			recv.Expire = uint32(n())
		}
		if version >= 2 && version < 5 && recv.Setting.IsSet(wkproto.SettingStream) {
			recv.StreamFlag, recv.StreamNo, recv.StreamId = wkproto.StreamFlag(n()), g.text(), n()
		}
		if recv.Setting.IsSet(wkproto.SettingTopic) {
			recv.Topic = g.text()
		}
		return recv
	case wkproto.RECVACK:
		return &wkproto.RecvackPacket{Framer: g.flags(), MessageID: int64(n()),
			MessageSeq: uint32(n())}
	case wkproto.PING:
		return &wkproto.PingPacket{}
	case wkproto.PONG:
		return &wkproto.PongPacket{}
	case wkproto.DISCONNECT:
		return &wkproto.DisconnectPacket{ReasonCode: wkproto.ReasonCode(n()), Reason: g.text()}
	case wkproto.SUB:
		return &wkproto.SubPacket{Setting: wkproto.Setting(n()), SubNo: g.text(),
			ChannelID: g.text(), ChannelType: uint8(n()), Action: wkproto.Action(n()),
			Param: g.text()}
	case wkproto.SUBACK:
		return &wkproto.SubackPacket{SubNo: g.text(), ChannelID: g.text(),
			ChannelType: uint8(n()), Action: wkproto.Action(n()), ReasonCode: wkproto.ReasonCode(n())}
	case wkproto.EVENT:
		return &wkproto.EventPacket{Id: g.text(), Type: g.text(), Timestamp: int64(n()),
			Data: g.bytes(200000)}
	}
	panic("no such type")
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	codec := wkproto.New()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	printer := json.NewEncoder(out)
	printer.SetEscapeHTML(false)
	emit := func(value interface{}) {
		if err := printer.Encode(value); err != nil {
			fail(err)
		}
	}
	encode := func(frame wkproto.Frame, version uint8) line {
		data, err := codec.EncodeFrame(frame, version)
		if err != nil {
			fail(err)
		}
		return line{version, uint8(frame.GetFrameType()), len(data), fields(frame),
			hex.EncodeToString(data)}
	}
	switch {
	case len(os.Args) == 4 && os.Args[1] == "generate":
		seed, _ := strconv.ParseInt(os.Args[2], 10, 64)
		count, _ := strconv.Atoi(os.Args[3])
		g := generator{rand.New(rand.NewSource(seed))}
		for i := 0; i < count; i++ {
			version := uint8(1 + i%5)
			emit(encode(g.frame(wkproto.FrameType(1+i/5%12), version), version))
		}
	case len(os.Args) == 2 && os.Args[1] == "decode":
		in := bufio.NewScanner(os.Stdin)
		in.Buffer(nil, 4<<20)
		for in.Scan() {
			text := in.Text()
			data, err := hex.DecodeString(text[2:])
			if err != nil {
				fail(err)
			}
			version := text[0] - '0'
			frame, consumed, err := codec.DecodeFrame(data, version)
			if err != nil || frame == nil {
				emit(object{"error": fmt.Sprint(err)})
				continue
			}
			again := encode(frame, version)
			again.Consumed = consumed
			emit(again)
		}
	case len(os.Args) == 2 && os.Args[1] == "broken":
		emit(encode(&wkproto.SendPacket{Setting: wkproto.SettingStream, ClientSeq: 1,
			ClientMsgNo: "m", StreamNo: "stream", ChannelID: "g", ChannelType: 2,
			Payload: []byte("x")}, 5))
	default:
		fail(fmt.Errorf("usage: codec generate <seed> <count> | decode | broken"))
	}
}
