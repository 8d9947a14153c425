// What is asked of each face. `via` is the proxy, `status` the answer that must come back, `wrong` marks a request that
// the description itself forbids, `entity` the list of known deviations that the answer may show.

const env = process.env;
const github = (path, status = 200, more = {}) => ({
  face: "github",
  via: status < 300 ? env.GITHUB_STRICT : env.GITHUB_LENIENT,
  path,
  status,
  ...more,
  headers: { authorization: `Bearer ${more.token ?? env.GITHUB_TOKEN}`, ...more.headers },
});
const gitlab = (path, status, more = {}) => ({
  face: "gitlab",
  via: env.GITLAB_LENIENT,
  path: `/api/v4${path}`,
  status,
  ...more,
  headers: { "private-token": more.token ?? env.GITLAB_TOKEN },
});
const basic = (token, login = "octocat") => `Basic ${btoa(`${login}@example.com:${token}`)}`;
const bitbucket = (path, status = 200, more = {}) => ({
  face: "bitbucket",
  via: env.BITBUCKET_LENIENT,
  path,
  status,
  entity: "repository",
  ...more,
  headers: { authorization: more.authorization ?? basic(env.BITBUCKET_TOKEN) },
});
const versioned = (path) => `${path}${path.includes("?") ? "&" : "?"}api-version=7.1`;
const azure = (path, status = 200, more = {}) => ({
  face: "azure",
  via: env.AZURE_LENIENT,
  path: `/acme/_apis/hooks/subscriptions${more.unversioned ? path : versioned(path)}`,
  status,
  ...more,
  headers: { authorization: `Bearer ${more.token ?? env.AZURE_TOKEN}` },
});
const expired = env.GITHUB_EXPIRED_TOKEN;
const spent = env.GITHUB_SPENT_TOKEN;
const newest = {
  via: env.GITHUB_LENIENT,
  headers: { "x-github-api-version": "2026-03-10" },
  entity: "newest",
};

const app = { token: env.GITHUB_APP_ASSERTION };
const user = { token: env.GITHUB_APP_USER_TOKEN };
const mint = (installation, status, body = {}) =>
  github(`/app/installations/${installation}/access_tokens`, status, {
    ...app,
    method: "POST",
    body,
  });

// Hooks are made for this address; those that stand already deliver elsewhere.
const url = "https://mooring.example/webhooks";
const post = (body) => ({ method: "POST", body });
const put = (body) => ({ method: "PUT", body });
const remove = { method: "DELETE" };

const githubHooks = "/repos/acme/storefront/hooks";
const githubHook = `${githubHooks}/${env.GITHUB_HOOK}`;
const spec = {
  name: "web",
  active: true,
  events: ["push"],
  config: { url, content_type: "json", secret: "s", insecure_ssl: "0" },
};

const gitlabHooks = `/projects/${env.GITLAB_PROJECT}/hooks`;
const gitlabHook = `${gitlabHooks}/${env.GITLAB_HOOK}`;

const bitbucketHooks = "/repositories/acme/storefront/hooks";
const bitbucketHook = `${bitbucketHooks}/%7B${env.BITBUCKET_HOOK}%7D`;
const hook = { description: "Mooring", url, active: true, secret: "s", events: ["repo:push", "repo:updated"] };

const subscription = {
  publisherId: "tfs",
  eventType: "git.push",
  resourceVersion: "1.0",
  consumerId: "webHooks",
  consumerActionId: "httpRequest",
  publisherInputs: { repository: env.AZURE_REPOSITORY },
  consumerInputs: { url, basicAuthUsername: "mooring", basicAuthPassword: "s" },
};
const notifications = `/${env.AZURE_SUBSCRIPTION}/notifications`;
const nobody = "00000000-0000-4000-8000-000000000000";

export const cases = [
  github("/user"),
  github("/user", 200, { token: env.GITHUB_PRIVATE_PROFILE_TOKEN }),
  github("/user", 200, { token: env.GITHUB_FINE_GRAINED_TOKEN }),
  github("/user", 401, { token: expired }),
  github("/user", 403, { token: spent }),
  github("/user/repos"),
  github("/user/repos?per_page=100&page=3&sort=pushed&direction=asc"),
  github("/user/repos?visibility=public&affiliation=owner,organization_member"),
  github("/user/repos?type=owner&per_page=2", 200, newest),
  github("/user/repos", 304, { conditional: true }),
  github("/user/repos", 401, { token: expired }),
  github("/user/repos?type=all&visibility=all", 422),
  github("/user/repos?sort=size", 422, { wrong: true }),
  github("/user/orgs"),
  github("/user/orgs", 304, { conditional: true }),
  github("/user/orgs", 403, { token: env.GITHUB_NO_SCOPE_TOKEN }),
  github("/orgs/acme"),
  github("/orgs/nobody", 404),
  github("/orgs/acme/repos?per_page=10"),
  github("/repos/acme/storefront"),
  github("/repos/octocat/sketch-00001"),
  github("/repos/acme/blank"),
  github("/repos/acme/storefront", 304, { conditional: true, undeclared: true }),
  // Renamed; prism follows redirects, so what is judged is the answer behind it.
  github("/repos/acme/shopfront"),
  github("/repos/initech/walled", 403),
  github("/repos/acme/nothing", 404),
  github("/repos/acme/storefront/branches?per_page=2"),
  github("/repos/acme/storefront/branches?protected=true"),
  github("/repos/acme/blank/branches"),
  github("/repos/acme/nothing/branches", 404),
  github("/repos/acme/storefront/branches/main"),
  github("/repos/acme/storefront/branches/none", 404),
  github("/repos/acme/shopfront/branches/main"),
  github("/repos/acme/storefront/git/matching-refs/heads%2Ffeature"),
  github("/repos/acme/blank/git/matching-refs/heads%2Ffeature", 409),
  github("/rate_limit"),
  github("/rate_limit", 200, { token: spent }),
  github("/meta"),

  github("/app", 200, app),
  github("/app", 401, { undeclared: true }),
  github("/app/installations?per_page=1", 200, { ...app, via: env.GITHUB_LENIENT, entity: "installations" }),
  github(`/app/installations/${env.GITHUB_INSTALLATION}`, 200, app),
  github(`/app/installations/${env.GITHUB_SUSPENDED_INSTALLATION}`, 200, app),
  github("/app/installations/1", 404, app),
  github("/orgs/acme/installation", 200, app),
  github("/users/acme/installation", 200, app),
  github("/users/hubot/installation", 404, { ...app, undeclared: true }),
  mint(env.GITHUB_INSTALLATION, 201),
  mint(env.GITHUB_INSTALLATION, 201, { repositories: ["storefront"], permissions: { contents: "read" } }),
  mint(env.GITHUB_INSTALLATION, 422, { repositories: ["nothing"] }),
  mint(env.GITHUB_SUSPENDED_INSTALLATION, 403),
  mint("1", 404),
  github("/installation/repositories?per_page=2", 200, { installation: true }),
  github("/installation/repositories", 304, { installation: true, conditional: true }),
  github("/installation/repositories", 401, { token: "ghs_nobody" }),
  github("/installation/repositories", 403),
  github("/user/installations", 200, user),
  github("/user/installations", 403),
  github(`/user/installations/${env.GITHUB_INSTALLATION}/repositories?per_page=2`, 200, user),
  github("/user/installations/1/repositories", 404, user),
  github("/installation/token", 204, { installation: true, method: "DELETE" }),
  github("/app/hook/deliveries", 200, app),
  github("/app/hook/deliveries?per_page=1", 200, app),
  github("/app/hook/deliveries", 401, { undeclared: true }),
  github(`/app/hook/deliveries/${env.GITHUB_APP_DELIVERY}`, 200, app),
  github("/app/hook/deliveries/1", 404, { ...app, undeclared: true }),

  github(githubHooks),
  github(githubHooks, 401, { token: expired, undeclared: true }),
  github("/repos/acme/nothing/hooks", 404),
  // Seen and not administered.
  github("/repos/globex/library-00001/hooks", 404),
  github(githubHooks, 201, post(spec)),
  github(githubHooks, 422, post(spec)),
  github(githubHooks, 422, post({ ...spec, config: {} })),
  github(githubHooks, 422, { ...post({ config: { url: 1 } }), wrong: true }),
  github("/repos/globex/library-00001/hooks", 404, post(spec)),
  github(githubHook),
  github(githubHook, 200, { method: "PATCH", body: { active: false, events: ["push", "repository"] } }),
  github(`${githubHooks}/1000000`, 404),
  github(`${githubHooks}/1000000`, 404, { method: "PATCH", body: { active: true } }),
  github(`${githubHook}/deliveries`),
  github(`${githubHook}/deliveries?per_page=1`),
  github(`${githubHooks}/1000000/deliveries`, 404, { undeclared: true }),
  github(`${githubHook}/deliveries/${env.GITHUB_DELIVERY}`),
  github(`${githubHook}/deliveries/1`, 404, { undeclared: true }),
  github(githubHook, 204, remove),
  github(githubHook, 404, remove),

  gitlab("/user", 200),
  gitlab("/user", 401, { token: env.GITLAB_EXPIRED_TOKEN, entity: "refusal" }),
  gitlab("/user", 401, { token: "glpat-nobody" }),
  gitlab("/personal_access_tokens/self", 200, { entity: "token" }),
  gitlab("/personal_access_tokens/self", 401, { token: env.GITLAB_EXPIRED_TOKEN }),
  gitlab("/projects?membership=true&per_page=2", 200, { entity: "project" }),
  gitlab("/projects?membership=true&per_page=2&simple=true&order_by=last_activity_at", 200, { entity: "project" }),
  gitlab("/projects?min_access_level=30&archived=true&per_page=2", 200, { entity: "project" }),
  gitlab("/projects?pagination=keyset&order_by=id&sort=asc&per_page=2", 200, { entity: "project" }),
  gitlab("/projects?search=nothing-of-this-name", 200, { entity: "project" }),
  gitlab("/projects?order_by=size", 400, { wrong: true }),
  gitlab("/projects?pagination=keyset&order_by=name", 405, { undeclared: true }),
  gitlab("/projects?per_page=1", 403, { token: env.GITLAB_READ_USER_TOKEN, undeclared: true }),
  gitlab("/projects?per_page=1", 429, { token: env.GITLAB_SPENT_TOKEN, undeclared: true }),
  gitlab("/projects/acme%2Fstorefront", 200, { entity: "project" }),
  gitlab("/projects/acme%2Fblank", 200, { entity: "project" }),
  gitlab("/projects/octocat%2Fsketch-00001", 200, { entity: "project" }),
  gitlab("/projects/acme%2Fshopfront", 200, { entity: "project" }),
  gitlab("/projects/acme%2Fnothing", 404, { undeclared: true }),
  gitlab("/projects/acme%2Fstorefront/repository/branches", 200),
  gitlab("/projects/acme%2Fstorefront/repository/branches?search=%5Efeature", 200),
  gitlab("/projects/acme%2Fblank/repository/branches", 200),
  gitlab("/projects/acme%2Fnothing/repository/branches", 404),
  // The description declares a branch's name as an integer.
  gitlab("/projects/acme%2Fstorefront/repository/branches/main", 200, { wrong: true }),
  gitlab("/projects/acme%2Fstorefront/repository/branches/none", 404, { wrong: true }),
  gitlab("/groups?per_page=1", 200, { entity: "group" }),
  gitlab("/groups/acme", 200, { entity: "group" }),
  gitlab("/groups/nobody", 404, { undeclared: true }),
  gitlab("/groups/acme/projects?per_page=2", 200, { entity: "project" }),
  gitlab(gitlabHooks, 200, { entity: "hook" }),
  gitlab(gitlabHooks, 401, { token: env.GITLAB_EXPIRED_TOKEN, undeclared: true }),
  gitlab("/projects/acme%2Fnothing/hooks", 404, { undeclared: true }),
  gitlab("/projects/globex%2Flibrary-00001/hooks", 403, { undeclared: true }),
  gitlab(gitlabHooks, 201, { ...post({ url, push_events: true, token: "s", enable_ssl_verification: true }), entity: "hook" }),
  gitlab(gitlabHooks, 400, { ...post({ push_events: true }), wrong: true }),
  gitlab(gitlabHook, 200, { entity: "hook" }),
  gitlab(gitlabHook, 200, { ...put({ push_events: true, tag_push_events: true }), entity: "hook" }),
  gitlab(`${gitlabHooks}/1000000`, 404),
  gitlab(`${gitlabHooks}/1000000`, 404, put({ push_events: true })),
  // For lists and tests the description declares no content.
  gitlab(`${gitlabHook}/events?per_page=1`, 200),
  gitlab(`${gitlabHook}/events?per_page=21`, 400, { wrong: true }),
  gitlab(`${gitlabHooks}/1000000/events`, 404),
  gitlab(`${gitlabHook}/test/push_events`, 201, { method: "POST" }),
  gitlab(`${gitlabHooks}/1000000/test/push_events`, 404, { method: "POST" }),
  gitlab(gitlabHook, 204, remove),
  gitlab(gitlabHook, 404, { ...remove, undeclared: true }),
  gitlab("/version", 200, { entity: "metadata" }),
  gitlab("/metadata", 200, { entity: "metadata" }),

  bitbucket("/user"),
  bitbucket("/user", 401, { authorization: basic("ATATT3nothing") }),
  bitbucket("/user", 401, { authorization: `Bearer ${env.BITBUCKET_TOKEN}` }),
  bitbucket("/user", 403, { authorization: `Bearer ${env.BITBUCKET_ACCESS_TOKEN}`, undeclared: true }),
  bitbucket("/repositories/octocat?pagelen=5&role=member&sort=created_on"),
  bitbucket("/repositories/octocat?role=contributor&page=2"),
  bitbucket("/repositories/acme?q=name+~+%22service%22"),
  bitbucket("/repositories/acme", 200, { authorization: `Bearer ${env.BITBUCKET_ACCESS_TOKEN}` }),
  bitbucket("/repositories/nobody", 404),
  bitbucket("/repositories/octocat?role=reader", 400, { wrong: true, undeclared: true }),
  bitbucket("/repositories/octocat", 429, { authorization: basic(env.BITBUCKET_SPENT_TOKEN, "hubot"), undeclared: true }),
  bitbucket("/repositories/octocat", 403, { authorization: basic(env.BITBUCKET_NO_SCOPE_TOKEN), undeclared: true, entity: "scopes" }),
  bitbucket("/repositories/acme/storefront"),
  bitbucket("/repositories/acme/blank"),
  bitbucket("/repositories/acme/fork-of-linux"),
  bitbucket("/repositories/acme/shopfront", 404),
  bitbucket("/repositories/acme/storefront", 403, { authorization: basic(env.BITBUCKET_NO_SCOPE_TOKEN), entity: "scopes" }),
  bitbucket("/repositories/acme/storefront/refs/branches"),
  bitbucket("/repositories/acme/storefront/refs/branches?q=name+~+%22feature%22&sort=-name"),
  bitbucket("/repositories/acme/blank/refs/branches"),
  bitbucket("/repositories/acme/nothing/refs/branches", 404),
  bitbucket(bitbucketHooks),
  bitbucket(bitbucketHooks, 401, { authorization: basic("ATATT3nothing"), undeclared: true }),
  bitbucket("/repositories/acme/nothing/hooks", 404),
  bitbucket("/repositories/globex/library-00001/hooks", 403),
  // The description declares no body where hooks are made and changed.
  bitbucket(bitbucketHooks, 201, { ...post(hook), wrong: true }),
  bitbucket(bitbucketHooks, 400, { ...post({ ...hook, events: [] }), wrong: true, undeclared: true }),
  bitbucket("/repositories/globex/library-00001/hooks", 403, { ...post(hook), wrong: true }),
  bitbucket(bitbucketHook),
  bitbucket(bitbucketHook, 200, { ...put({ url, active: false, events: ["repo:push"] }), wrong: true }),
  bitbucket(`${bitbucketHooks}/%7B1000000%7D`, 404),
  bitbucket(bitbucketHook, 204, remove),
  bitbucket(bitbucketHook, 404, remove),
  // Removed in 2026.
  bitbucket("/repositories?role=member", 410, { undeclared: true }),
  bitbucket("/workspaces", 410, { undeclared: true }),
  bitbucket("/user/permissions/workspaces", 410, { undeclared: true }),
  bitbucket("/user/permissions/repositories", 410, { undeclared: true }),

  azure(""),
  azure("?publisherId=tfs&eventType=git.push"),
  azure("", 401, { token: env.AZURE_EXPIRED_TOKEN, undeclared: true }),
  azure("", 400, { unversioned: true, wrong: true, undeclared: true }),
  azure("", 200, post(subscription)),
  azure("", 404, { ...post({ ...subscription, publisherInputs: { repository: nobody } }), undeclared: true }),
  azure(`/${env.AZURE_SUBSCRIPTION}`),
  azure(`/${env.AZURE_SUBSCRIPTION}`, 200, put({ ...subscription, status: "enabled" })),
  azure(`/${nobody}`, 404, { undeclared: true }),
  azure(notifications),
  azure(`${notifications}?maxResults=1`),
  azure(`${notifications}/${env.AZURE_DELIVERY}`),
  azure(`${notifications}/1`, 404, { undeclared: true }),
  azure(`/${nobody}/notifications`, 404, { undeclared: true }),
  // The description declares 200 and no body; an answer without a body is 204.
  azure(`/${env.AZURE_SUBSCRIPTION}`, 204, { ...remove, undeclared: true }),
  azure(`/${env.AZURE_SUBSCRIPTION}`, 404, { ...remove, undeclared: true }),
];
