// Asks every case through its proxy and prints a table. Exits 1 where an answer has another status than expected or
// violates the description in a way that is not known to be the description's fault.

import { allowed, UNDECLARED_STATUS } from "./allowed.mjs";
import { cases } from "./cases.mjs";

const place = (violation) =>
  violation.location
    .slice(2)
    .filter((part) => !/^\d+$/.test(part))
    .join(".");

function judge(one, violation, answer) {
  if (violation.location[0] === "request") {
    return one.wrong ? "known" : "ours";
  }
  if (violation.message.startsWith(UNDECLARED_STATUS)) {
    return one.undeclared ? "known" : "ours";
  }
  const excuse = allowed[one.entity]?.[place(violation)];
  const found = violation.location.slice(2).reduce((value, part) => value?.[part], answer);
  return excuse?.(found) ? "known" : "ours";
}

// A token of the installation, made past the proxies.
async function minted() {
  const { GITHUB_API_URL, GITHUB_INSTALLATION, GITHUB_APP_ASSERTION } = process.env;
  const url = `${GITHUB_API_URL}/app/installations/${GITHUB_INSTALLATION}/access_tokens`;
  const headers = { authorization: `Bearer ${GITHUB_APP_ASSERTION}` };
  const answer = await fetch(url, { method: "POST", headers });
  return (await answer.json()).token;
}

async function ask(one) {
  const headers = { ...one.headers };
  if (one.installation) headers.authorization = `Bearer ${await minted()}`;
  const options = { headers, redirect: "manual", method: one.method };
  if (one.body) {
    headers["content-type"] = "application/json";
    options.body = JSON.stringify(one.body);
  }
  if (one.conditional) {
    const first = await fetch(one.via + one.path, options);
    headers["if-none-match"] = first.headers.get("etag");
  }
  return fetch(one.via + one.path, options);
}

let failures = 0;
const totals = {};
console.log("| face | request | status | violations of the description | verdict |");
console.log("| --- | --- | --- | --- | --- |");
for (const one of cases) {
  const answer = await ask(one);
  const body = await answer.text();
  const header = answer.headers.get("sl-violations") ?? "[]";
  const said = header.startsWith("[") ? JSON.parse(header) : [{ location: [], message: header.slice(0, 80) }];
  if (answer.status === 500) said.push(...(JSON.parse(body).validation ?? []));
  const parsed = answer.headers.get("content-type")?.includes("json") ? JSON.parse(body) : null;
  const ours = said.filter((violation) => judge(one, violation, parsed) === "ours");
  const known = said.length - ours.length;
  const wrongStatus = answer.status !== one.status;
  const bad = wrongStatus || ours.length > 0;
  failures += bad ? 1 : 0;
  const total = (totals[one.face] ??= { requests: 0, clean: 0, known: 0, failed: 0 });
  total.requests += 1;
  total[bad ? "failed" : known > 0 ? "known" : "clean"] += 1;
  const status = wrongStatus ? `${answer.status}, not ${one.status}` : one.status;
  const count = known > 0 ? `${known} known of the description` : "none";
  console.log(`| ${one.face} | ${one.path} | ${status} | ${count} | ${bad ? "FAILED" : "ok"} |`);
  for (const violation of ours) {
    console.log(`  ${violation.location.join(".")}: ${violation.message}`);
  }
}
for (const [face, total] of Object.entries(totals)) {
  const { requests, clean, known, failed } = total;
  console.log(`${face}: ${requests} requests, ${clean} clean, ${known} with known faults of the description, ${failed} failed`);
}
process.exit(failures > 0 ? 1 : 0);
