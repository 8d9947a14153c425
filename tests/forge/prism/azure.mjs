// Writes Microsoft's description of the service hooks anew, as the service speaks: node azure.mjs FROM TO
//
// Lists are declared as bare arrays, where the service wraps them into `count` and `value`. The cut description leaves out
// the single notification, which Microsoft documents with the definition that its list has.

import { readFileSync, writeFileSync } from "node:fs";

const [from, to] = process.argv.slice(2);
const description = JSON.parse(readFileSync(from, "utf8"));
const list = "/{organization}/_apis/hooks/subscriptions/{subscriptionId}/notifications";

const { parameters, responses, ...rest } = description.paths[list].get;
const id = { in: "path", name: "notificationId", required: true, type: "integer" };
const one = {
  ...rest,
  operationId: "Notifications_Get",
  parameters: [...parameters.filter((parameter) => parameter.in === "path" || "$ref" in parameter), id],
  responses: { 200: { ...responses[200], schema: responses[200].schema.items } },
};

for (const methods of Object.values(description.paths)) {
  for (const method of Object.values(methods)) {
    const good = method.responses?.[200];
    if (good?.schema?.type === "array") {
      const properties = { count: { type: "integer" }, value: good.schema };
      good.schema = { type: "object", required: ["count", "value"], properties };
    }
  }
}
description.paths[`${list}/{notificationId}`] = { get: one };
writeFileSync(to, JSON.stringify(description));
