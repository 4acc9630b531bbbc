// One user of the unmodified Go SDK over TCP, driven by JSON lines; tests/e2e/driven_client.py
// describes them.
//
// What an application of this SDK has to do itself, this driver does: the SDK's own reconnecting is
// off (after a failed attempt it gives up, after its heartbeat's it never settles), so a closed
// client is replaced by a new one; and a message that was not answered is sent again, under the same
// client_msg_no, because the SDK waits for ever for the answer of a lost connection. After
// {"op":"connect",...,"manual":true} a new client is made at the next {"op":"connect"}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	wkproto "github.com/WuKongIM/WuKongIMGoProto"
	"github.com/WuKongIM/WuKongIMGoSDK/pkg/wksdk"
)

const retryPause = 300 * time.Millisecond

type command struct {
	Op          string `json:"op"`
	Addr        string `json:"addr"`
	UID         string `json:"uid"`
	Token       string `json:"token"`
	ChannelID   string `json:"channel_id"`
	ChannelType uint8  `json:"channel_type"`
	Text        string `json:"text"`
	Manual      bool   `json:"manual"`
}

type event map[string]interface{}

type outgoing struct {
	seq         int
	clientMsgNo string
	channel     wkproto.Channel
	payload     []byte
}

var (
	printing sync.Mutex
	printer  = json.NewEncoder(os.Stdout)
)

func emit(e event) {
	printing.Lock()
	defer printing.Unlock()
	_ = printer.Encode(e)
}

func content(payload []byte) (string, bool) {
	var text struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(payload, &text) != nil {
		return string(payload), false
	}
	return text.Content, true
}

func onMessage(message *wksdk.Message) {
	text, parsed := content(message.Payload)
	emit(event{"event": "message", "from_uid": message.FromUID, "channel_id": message.ChannelID,
		"channel_type": message.ChannelType, "message_id": fmt.Sprint(message.MessageID),
		"message_seq": message.MessageSeq, "client_msg_no": message.ClientMsgNo,
		"red_dot": message.RedDot, "text": text, "parsed": parsed})
}

// Connects again and again until it is refused or told to stop; sends what comes on `queue`.
func run(first command, queue <-chan outgoing, again, stop <-chan struct{}) {
	var unanswered *outgoing
	for {
		closed := make(chan struct{})
		var once sync.Once
		client := wksdk.NewClient(first.Addr, wksdk.WithUID(first.UID), wksdk.WithToken(first.Token),
			wksdk.WithReconnect(false))
		client.OnMessage(onMessage)
		client.OnConnect(func(status wksdk.ConnectStatus, _ wkproto.ReasonCode) {
			if status == wksdk.CLOSED {
				once.Do(func() { close(closed) })
			}
		})
		result := make(chan error, 1)
		go func() { result <- client.Connect() }()
		var err error
		select {
		case err = <-result:
		case <-closed:
			// Connect waits for ever when the connection closes before its answer.
			select {
			case err = <-result:
			case <-time.After(retryPause):
				err = fmt.Errorf("closed")
			}
		}
		if err != nil {
			if strings.HasPrefix(err.Error(), "reason is ") {
				var reason int
				_, _ = fmt.Sscanf(err.Error(), "reason is %d", &reason)
				emit(event{"event": "status", "status": 3, "reason": reason})
				return
			}
			fmt.Fprintln(os.Stderr, "connect:", err)
			time.Sleep(retryPause)
			continue
		}
		emit(event{"event": "status", "status": 1, "reason": 1})
		if unanswered = send(client, unanswered, queue, closed, stop); unanswered == nil {
			select {
			case <-stop:
				_ = client.Disconnect()
				emit(event{"event": "status", "status": 0, "reason": 0})
				return
			default:
			}
		}
		emit(event{"event": "status", "status": 0, "reason": 0})
		if first.Manual {
			select {
			case <-again:
			case <-stop:
				return
			}
		} else {
			time.Sleep(retryPause)
		}
	}
}

// Sends one message after the other; returns the one whose answer is missing when `closed`.
func send(client *wksdk.Client, next *outgoing, queue <-chan outgoing, closed,
	stop <-chan struct{}) *outgoing {
	for {
		if next == nil {
			select {
			case message := <-queue:
				next = &message
			case <-closed:
				return nil
			case <-stop:
				return nil
			}
		}
		type answer struct {
			ack *wkproto.SendackPacket
			err error
		}
		answers := make(chan answer, 1)
		go func(message outgoing) {
			ack, err := client.SendMessage(message.payload, message.channel,
				wksdk.SendOptionWithClientMsgNo(message.clientMsgNo))
			answers <- answer{ack, err}
		}(*next)
		select {
		case got := <-answers:
			if got.ack == nil {
				fmt.Fprintln(os.Stderr, "send:", got.err)
				<-closed
				return next
			}
			emit(event{"event": "sendack", "client_seq": next.seq,
				"message_id": fmt.Sprint(got.ack.MessageID), "message_seq": got.ack.MessageSeq,
				"reason": got.ack.ReasonCode})
			next = nil
		case <-closed:
			return next
		}
	}
}

func main() {
	os.Stdout = os.Stderr // the SDK prints; the lines go to the printer made before
	queue, again, stop := make(chan outgoing, 1000), make(chan struct{}), make(chan struct{})
	emit(event{"event": "started"})
	seq, running, started := 0, false, time.Now().UnixNano()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var c command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		switch c.Op {
		case "connect":
			if running {
				again <- struct{}{}
			} else {
				running = true
				go run(c, queue, again, stop)
			}
		case "send":
			seq++
			payload, _ := json.Marshal(map[string]interface{}{"type": 1, "content": c.Text})
			emit(event{"event": "sending", "client_seq": seq})
			queue <- outgoing{seq, fmt.Sprintf("go-%x-%d", started, seq),
				wkproto.Channel{ChannelID: c.ChannelID, ChannelType: c.ChannelType}, payload}
		case "disconnect":
			close(stop)
		}
	}
}
