// Where a description says other than the provider does, GitLab's above all. Keys are places in an answer, list indexes left out;
// values say what must be found there for the violation to be the description's fault.
//
// GitLab's description is generated from Grape entities that declare neither null nor, where no type was given, the type: such
// fields are declared as strings. What GitLab answers there is shown by its own documentation of the endpoints.

// Null where unset; the description knows no null.
const NULL = (value) => value === null;
// Declared as a string for want of a type; GitLab answers a boolean or a number.
const UNTYPED = (value) => ["boolean", "number"].includes(typeof value);
// A whole object without this property.
const WITHOUT = (name) => (value) => typeof value === "object" && !(name in value);

// In lists an account is declared as a user and an enterprise at once, where the single installation is either.
const installations = { account: WITHOUT("slug") };

const project = {
  description: NULL,
  default_branch: NULL,
  readme_url: NULL,
  avatar_url: NULL,
  "namespace.parent_id": NULL,
  "namespace.avatar_url": NULL,
  "permissions.project_access": NULL,
  "permissions.group_access": NULL,
  "permissions.project_access.access_level": UNTYPED,
  "permissions.project_access.notification_level": UNTYPED,
  "permissions.group_access.access_level": UNTYPED,
  "permissions.group_access.notification_level": UNTYPED,
};

const group = {
  id: UNTYPED,
  parent_id: NULL,
  organization_id: UNTYPED,
  avatar_url: NULL,
  default_branch: NULL,
  auto_devops_enabled: NULL,
  mentions_disabled: NULL,
  share_with_group_lock: UNTYPED,
  require_two_factor_authentication: UNTYPED,
  two_factor_grace_period: UNTYPED,
  lfs_enabled: UNTYPED,
  default_branch_protection: UNTYPED,
  request_access_enabled: UNTYPED,
};

const metadata = {
  "kas.externalUrl": NULL,
  "kas.externalK8sProxyUrl": NULL,
  "kas.version": NULL,
};

// Ids are declared as strings, and are shown as numbers in the examples beside.
const hook = { id: UNTYPED, project_id: UNTYPED };

const token = { description: NULL, expires_at: NULL };

// The whole body: the description wants a `message`, GitLab answers an expired or revoked token as OAuth has it, with
// `error` and `error_description` (lib/api/api_guard.rb).
const refusal = { "": WITHOUT("message") };

// The description is that of GitHub's version 2022-11-28; what 2026-03-10 takes away is noted in it
// (`x-github-breaking-changes`: `remove_has_downloads`).
const newest = { "": WITHOUT("has_downloads") };

// What Bitbucket says of missing scopes is an object with `required` and `granted`; the description knows a text there.
const scopes = { "error.detail": (value) => Array.isArray(value?.required) };

// The link for cloning over SSH is in scp's form, which is no URI; an empty repository has no main branch, and the description
// knows no null.
const SCP = (value) => /^git@[^:]+:.+\.git$/.test(value);
const repository = {
  mainbranch: NULL,
  "links.clone.href": SCP,
  "values.mainbranch": NULL,
  "values.links.clone.href": SCP,
};

export const allowed = { installations, project, group, metadata, hook, token, refusal, newest, scopes, repository };

// The description names 200 alone for many endpoints; other answers match nothing in it.
export const UNDECLARED_STATUS = "Unable to match the returned status code";
