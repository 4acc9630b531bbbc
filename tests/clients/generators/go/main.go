// Sends the batch on stdin with the client that was generated of the OpenAPI document: main <url>.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"jindou.test/generators/jindou"
)

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

func main() {
	client, err := jindou.NewClientWithResponses(os.Args[1])
	if err != nil {
		fail("no client: %v", err)
	}
	var items []jindou.BatchItem
	if err := json.NewDecoder(os.Stdin).Decode(&items); err != nil {
		fail("the batch: %v", err)
	}
	// One that is written down, with a payload that is an object.
	var payload jindou.Payload
	if err := payload.FromPayload1(map[string]any{"type": 1, "content": "Hello"}); err != nil {
		fail("the payload: %v", err)
	}
	items = append(items, jindou.BatchItem{
		FromUid: "system", ChannelId: "group123", ChannelType: 2, Payload: &payload,
	})

	var body jindou.Batch
	if err := body.FromBatch0(items); err != nil {
		fail("the body: %v", err)
	}
	answer, err := client.PostMessageSendbatchWithResponse(
		context.Background(), &jindou.PostMessageSendbatchParams{}, body)
	if err != nil || answer.JSON200 == nil {
		fail("the request: %v", err)
	}
	results, err := answer.JSON200.AsBatchAnswer0()
	if err != nil || len(results) != len(items) {
		fail("the answer %s: %v", answer.Body, err)
	}
	text, err := json.Marshal(results)
	if err != nil {
		fail("the results: %v", err)
	}
	fmt.Println(string(text))
}
