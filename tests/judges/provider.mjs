// An identity provider that has Microsoft Entra's addresses, answers and errors around a real one (`oidc-provider`).
//
//     node provider.mjs <<< '{ "node_modules": …, "tenant": …, "domain": …, "graph": …, "clients": […], "users": […], "tls": … }'
//
// The first line of its input says what it knows; it prints a line of JSON with its addresses when it is there, and ends when its input does.
// What OAuth and OpenID Connect decide, the real provider decides: clients and their proofs, codes, PKCE, devices, refresh tokens that rotate and
// take their family with them when one is used twice, signatures. What is Entra's own is added here: addresses by tenant, resource
// and claims of access tokens, numbers (`AADSTS…`) and ids of errors, an administrator's consent.
//
// `GET /harness/forget/ACCOUNT` deletes an account, `GET /harness/withdraw/CLIENT` takes consent back. `GET /harness/seen` lists the requests for tokens: what was asked, by whom, and the number of the refusal, if it was one.

import { X509Certificate, createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const lines = createInterface({ input: process.stdin });
const input = lines[Symbol.asyncIterator]();
const { node_modules, tenant, domain, graph: GRAPH, clients, users, tls } = JSON.parse((await input.next()).value);
const { Provider, errors, interactionPolicy } = await import(
  pathToFileURL(createRequire(`${node_modules}/`).resolve('oidc-provider')).href
);

// It says on its output that it should be configured for a production that it will never see.
console.info = console.warn = () => {};

const DEFAULT = `${GRAPH}/.default`;
// What an account may read of itself: who consents for an application signs in for this.
const ONESELF = `${GRAPH}/User.Read`;
const LASTS = 3599;
const root = `/${tenant}`;
const seen = [];

const client = (id) => clients.find((known) => known.id === id);
const user = (name) => users.find((known) => known.name === name);

// Certificates

const thumbprint = (der, hash) => createHash(hash).update(der).digest('base64url');
const certificates = (known) => (known.certificates ?? []).map((pem) => new X509Certificate(pem));
const jwk = (certificate) => ({ ...certificate.publicKey.export({ format: 'jwk' }), use: 'sig' });

class Unproven extends errors.InvalidClientAuth {
  constructor(number) {
    super('the certificate proves nothing');
    this.number = number;
  }
}

// Entra finds the certificate by its thumbprint, and looks at its dates.
function assertCertificate(ctx, claims, header, { clientId }) {
  const [name, hash] = header['x5t#S256'] === undefined ? ['x5t', 'sha1'] : ['x5t#S256', 'sha256'];
  // Microsoft's library pads it.
  const named = String(header[name]).replace(/=+$/, '');
  const found = certificates(client(clientId)).find(({ raw }) => thumbprint(raw, hash) === named);
  if (found === undefined) throw new Unproven(700027);
  const now = Date.now();
  if (now < Date.parse(found.validFrom) || Date.parse(found.validTo) < now) throw new Unproven(1000502);
}

// Refusals

// The provider's own words for what it refuses, and Entra's number of it.
const NUMBERS = [
  [/^client not found/, 700016, 'unauthorized_client', 400],
  [/^invalid secret provided/, 7000215],
  [/does not match the registered client authentication method/, 7000218],
  [/client_secret expired at/, 7000222],
  [/jwt expired|^exp|must only be used once|not active yet/i, 700024],
  [/audience/, 700023],
  [/^refresh token already used/, 70000],
  [/^refresh token is expired/, 700082],
  [/account not found/, 500341],
  [/^refresh token not found|^grant (is )?(not found|expired)/, 50173],
  [/^authorization code (already consumed|not found|is expired)/, 54005],
  [/PKCE|code_verifier/, 501481],
];
const BY_ERROR = {
  authorization_pending: [70016],
  expired_token: [70019],
  access_denied: [70018, 'authorization_declined'],
  invalid_client: [700027],
  invalid_grant: [70000],
  invalid_scope: [70011],
  invalid_request: [900144],
  unsupported_grant_type: [70003],
  unauthorized_client: [700016],
};

function refusal(ctx, number, error, words) {
  const [trace_id, correlation_id] = [randomUUID(), ctx.get('client-request-id') || randomUUID()];
  const timestamp = new Date().toISOString().replace('T', ' ').replace(/\.\d+/, '');
  const error_description = `AADSTS${number}: ${words}\r\nTrace ID: ${trace_id}\r\nCorrelation ID: ${correlation_id}\r\nTimestamp: ${timestamp}`;
  return { error, error_description, error_codes: [number], timestamp, trace_id, correlation_id };
}

function refuse(ctx) {
  const failed = ctx.state.failed ?? {};
  const detail = failed.error_detail ?? failed.error_description ?? '';
  const found = NUMBERS.find(([words]) => words.test(detail));
  const [fallback, renamed] = BY_ERROR[ctx.body.error] ?? [90000];
  const [number, error, status] = found?.slice(1) ?? [failed.number ?? fallback, renamed];
  // What it says of a proof stays out of the answer, as everything that was sent.
  ctx.body = refusal(ctx, number, error ?? ctx.body.error, `The request was refused: ${ctx.body.error}.`);
  ctx.status = status ?? ctx.status;
}

// Tokens

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// What was asked for by name, or all that was consented to.
const granted = (known, scope) => (scope.split(' ').includes(ONESELF) ? ['User.Read'] : known.scopes ?? []);

function grantTo(ctx) {
  const account = ctx.oidc.entities.Account;
  ctx.body.ext_expires_in = ctx.body.expires_in;
  if (account === undefined) {
    delete ctx.body.scope;
    return;
  }
  const scopes = granted(client(ctx.oidc.client.clientId), ctx.body.scope ?? '');
  ctx.body.scope = ['openid', 'profile', ...scopes.map((scope) => `${GRAPH}/${scope}`), DEFAULT].join(' ');
  // What Microsoft's libraries name the account by.
  if (ctx.state.client_info) {
    const { oid, tid } = user(account.accountId);
    ctx.body.client_info = base64url({ uid: oid, utid: tid ?? tenant });
  }
}

function accessToken(ctx, token, parts) {
  const known = client(token.clientId);
  const claims = { tid: tenant, appid: token.clientId, ver: '1.0', idtyp: token.accountId ? 'user' : 'app' };
  if (token.accountId) {
    const { oid, name } = user(token.accountId);
    Object.assign(claims, { oid, upn: name, scp: granted(known, token.scope ?? '').join(' ') });
  } else {
    Object.assign(claims, { oid: known.principal, roles: known.consented ? known.roles ?? [] : [] });
  }
  Object.assign(parts.payload, claims);
  return parts;
}

// The provider

const policy = interactionPolicy.base();
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

// A loopback address without its port: Entra compares no more of it (RFC 8252, 8.3).
const portless = (address) => address.replace(/^(http:\/\/localhost):\d+/, '$1');

function registration(known) {
  const common = {
    client_id: known.id,
    redirect_uris: known.redirects ?? [],
    response_types: known.redirects?.length ? ['code'] : [],
    // Whose port isn't compared, as Entra does for every application.
    application_type: known.public || known.redirects?.some((redirect) => portless(redirect) !== redirect) ? 'native' : 'web',
  };
  const grants = [
    ...(known.redirects?.length ? ['authorization_code'] : []),
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:device_code',
  ];
  if (known.public) return { ...common, grant_types: grants, token_endpoint_auth_method: 'none' };
  const proof = known.certificates
    ? { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: certificates(known).map(jwk) } }
    : { token_endpoint_auth_method: 'client_secret_post', client_secret: known.secret, client_secret_expires_at: known.expires ?? 0 };
  return { ...common, ...proof, grant_types: [...grants, 'client_credentials'] };
}

const server = http.createServer((request, response) => handle(request, response));
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const address = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(`${address}${root}/v2.0`, {
  clients: clients.map(registration),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomUUID()] },
  routes: {
    authorization: `${root}/oauth2/v2.0/authorize`,
    token: `${root}/oauth2/v2.0/token`,
    device_authorization: `${root}/oauth2/v2.0/devicecode`,
    code_verification: `${root}/oauth2/v2.0/deviceauth`,
    jwks: `${root}/discovery/v2.0/keys`,
  },
  findAccount(ctx, name) {
    const known = user(name);
    if (known === undefined) return undefined;
    const claims = { sub: known.oid, tid: known.tid ?? tenant, oid: known.oid, preferred_username: name, ver: '2.0' };
    return { accountId: name, claims: async () => claims };
  },
  claims: { openid: ['sub', 'tid', 'oid', 'ver'], profile: ['preferred_username'] },
  conformIdTokenClaims: false,
  rotateRefreshToken: true,
  pkce: { required: () => true },
  assertJwtClientAuthClaimsAndHeader: assertCertificate,
  ttl: { AccessToken: LASTS, ClientCredentials: LASTS, IdToken: LASTS, AuthorizationCode: 60, DeviceCode: 900, RefreshToken: 90 * 86400, Grant: 90 * 86400, Interaction: 600, Session: 3600 },
  interactions: { policy, url: (ctx, interaction) => `/harness/interaction/${interaction.uid}` },
  formats: { customizers: { jwt: accessToken } },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => GRAPH,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: `${DEFAULT} ${ONESELF}`,
        audience: GRAPH,
        accessTokenTTL: LASTS,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

for (const event of ['grant.error', 'device_authorization.error', 'server_error']) {
  provider.on(event, (ctx, failed) => {
    ctx.state.failed = failed;
    if (event === 'server_error') console.error(failed);
  });
}

provider.use(async (ctx, next) => {
  const endpoint = ctx.path.replace(`${root}/oauth2/v2.0/`, '');
  if (endpoint === 'authorize' && ctx.method === 'GET') {
    // Refresh tokens come with the scope alone here, and who may choose an account is asked for one.
    ctx.query = { ...ctx.query, prompt: ctx.query.prompt === 'select_account' ? 'login consent' : 'consent' };
  }
  await next();
  if (endpoint === 'token' || endpoint === 'devicecode') {
    const { grant_type = endpoint, client_id } = ctx.oidc?.params ?? {};
    ctx.state.client_info = ctx.oidc?.body?.client_info === '1';
    if (ctx.body?.error) refuse(ctx);
    else if (endpoint === 'token') grantTo(ctx);
    else ctx.body.message = `Open ${ctx.body.verification_uri} and enter ${ctx.body.user_code}.`;
    seen.push({ grant_type, client_id: client_id ?? ctx.oidc?.client?.clientId, number: ctx.body.error_codes?.[0] ?? null });
  }
});

// Pages, as plain as can be: a form to post, which says who signs in and whether they agree.

function page(response, status, body) {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(`<!DOCTYPE html><title>Sign in</title>${body}`);
}

const form = (action) =>
  `<form method="post" action="${action}"><input name="account"><button name="answer" value="accept">Accept</button><button name="answer" value="cancel">Cancel</button></form>`;

async function posted(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return new URLSearchParams(Buffer.concat(parts).toString());
}

const DECLINED = 'AADSTS65004: Whoever was asked has not agreed.';

async function interaction(request, response) {
  const { uid, params, grantId } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') return page(response, 200, form(`/harness/interaction/${uid}`));
  const said = await posted(request);
  if (said.get('answer') !== 'accept') {
    const declined = { error: 'access_denied', error_description: DECLINED };
    return provider.interactionFinished(request, response, declined, { mergeWithLastSubmission: false });
  }
  const known = user(said.get('account'));
  if (known === undefined) return page(response, 200, '<p>AADSTS50034: There is no such account here.</p>');
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: known.name, clientId: params.client_id });
  grant.addOIDCScope('openid profile offline_access');
  grant.addResourceScope(GRAPH, `${DEFAULT} ${ONESELF}`);
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { login: { accountId: known.name }, consent }, { mergeWithLastSubmission: false });
}

// Consent of an administrator: the answer is Entra's, of its page about it.
async function adminConsent(request, response, url) {
  const asked = url.searchParams;
  const known = client(asked.get('client_id'));
  const back = asked.get('redirect_uri');
  if (known === undefined || !known.redirects?.some((redirect) => portless(redirect) === portless(back))) return page(response, 400, '<p>AADSTS50011: The address to come back to is not registered.</p>');
  if (request.method === 'GET') return page(response, 200, form(url.pathname + url.search));
  const said = await posted(request);
  const to = new URL(back);
  const answer = (fields) => Object.entries(fields).forEach(([name, value]) => to.searchParams.set(name, value));
  answer({ admin_consent: 'True', tenant, state: asked.get('state') ?? '' });
  if (said.get('answer') !== 'accept') {
    answer({ error: 'consent_required', error_description: DECLINED });
  } else if (!user(said.get('account'))?.admin) {
    answer({ error: 'access_denied', error_description: 'AADSTS90094: An administrator of the organization has to agree.' });
  } else {
    known.consented = true;
    answer({ scope: asked.get('scope') ?? DEFAULT });
  }
  return response.writeHead(302, { location: to.href }).end();
}

// An account is deleted.
function forget(name, response) {
  users.splice(users.findIndex((known) => known.name === name), 1);
  return response.writeHead(204).end();
}

// Consent is withdrawn.
function withdraw(id, response) {
  client(id).consented = false;
  return response.writeHead(204).end();
}

// Dispatch

const callback = provider.callback();

async function handle(request, response) {
  try {
    const url = new URL(request.url, address);
    const [, first] = url.pathname.split('/');
    if (first === 'harness') {
      if (url.pathname === '/harness/seen') return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen));
      if (url.pathname.startsWith('/harness/forget/')) return forget(url.pathname.split('/').pop(), response);
      if (url.pathname.startsWith('/harness/withdraw/')) return withdraw(url.pathname.split('/').pop(), response);
      return await interaction(request, response);
    }
    // A tenant goes by its id and by its domain.
    if (![tenant, domain].includes(first.toLowerCase())) {
      const body = refusal({ get: () => '' }, 90002, 'invalid_request', 'There is no such tenant.');
      return response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }
    request.url = root + request.url.slice(first.length + 1);
    if (url.pathname.endsWith('/v2.0/adminconsent')) return await adminConsent(request, response, url);
    if (request.url === `${root}/v2.0/.well-known/openid-configuration`) request.url = '/.well-known/openid-configuration';
    return await callback(request, response);
  } catch (failed) {
    console.error(failed);
    return page(response, 500, `<p>${failed.name}</p>`);
  }
}

const secure = tls && https.createServer(tls, (request, response) => handle(request, response));
if (secure) await new Promise((listening) => secure.listen(0, '127.0.0.1', listening));
console.log(JSON.stringify({ address, secure: secure ? `https://127.0.0.1:${secure.address().port}` : null }));

// Whoever started it has gone when its input ends.
for await (const ignored of input) void ignored;
process.exit(0);
