// Lints an OpenAPI document by the recommended rules of Redocly: lint.mjs <document>. One line for
// each problem; exit code 1 when there is an error.
import { createConfig, lint } from "@redocly/openapi-core";

const config = await createConfig({ extends: ["recommended"] });
let errors = 0;
for (const problem of await lint({ ref: process.argv[2], config })) {
  const place = problem.location[0].pointer ?? "";
  console.log(`${problem.severity} ${problem.ruleId} ${place}: ${problem.message}`);
  if (problem.severity === "error") errors += 1;
}
process.exit(errors ? 1 : 0);
