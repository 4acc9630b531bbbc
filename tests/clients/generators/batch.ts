// Sends the batch that it is given, by types that were generated: node batch.js <url> <batch>.
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
type Send = paths["/message/sendbatch"]["post"];
type Body = Send["requestBody"]["content"]["application/json"];
type Answer = Send["responses"]["200"]["content"]["application/json"];

declare const process: { argv: string[] };

const items: Schemas["BatchItem"][] = JSON.parse(process.argv[3]);
const more: Schemas["BatchItem"] = {
  from_uid: "system", channel_id: "group123", channel_type: 2, expire: null, red_dot: 1,
  payload: { type: 1, content: "Hello" },
};
// What the types are for: each of these would be refused.
// @ts-expect-error: the channel is missing
const incomplete: Schemas["BatchItem"] = { from_uid: "system", channel_type: 2, payload: "aGk=" };
// @ts-expect-error: numbers are no strings
const quoted: Schemas["BatchItem"] = { ...more, channel_type: "2" };
// @ts-expect-error: what must be there may not be null
const nobody: Schemas["BatchItem"] = { ...more, from_uid: null };
// @ts-expect-error: a flag is 0 or 1
const flag: Schemas["BatchItem"] = { ...more, red_dot: 2 };
void [incomplete, quoted, nobody, flag];

const body: Body = [...items, more];
const response = await fetch(process.argv[2] + "/message/sendbatch", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});
if (!response.ok) {
  const refused: Schemas["Error"] = await response.json();
  throw new Error(refused.msg);
}
const answer: Answer = await response.json();
if (!Array.isArray(answer)) throw new Error("no results");
const results: Schemas["SendResult"][] = answer;
console.log(JSON.stringify(results));
export {};
