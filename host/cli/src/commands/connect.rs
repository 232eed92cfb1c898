//! `usher connect`, `disconnect` and `check`.

use super::authorise::{Where, authorise};
use super::tenant::typed;
use crate::args::{ConnectArgs, DisconnectArgs, OnConnection};
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::given;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use usher_planner::Scope;
use usher_runtime::contract::source::{Report, Standing};
use usher_runtime::{Kind, Plugin};
use usher_store::{Connection, NewConnection, Secret, Settings as Rules, State, Store, StoreError};
use usher_sync::{Fault, Host, Secrets, TOKENS};

/// Minutes between runs from Graph, unless it is said otherwise: an unchanged tenant costs two requests.
const GRAPH_MINUTES: u32 = 30;

/// What proves an application: one of the two.
const PROOFS: [&str; 2] = ["client_secret", "certificate"];

/// Where a secret comes from: never the command line itself.
fn secret(source: &str) -> Result<Secret, CliError> {
    let wrong = |why: String| CliError::usage(why, "write --secret key=env:NAME, key=@FILE or key=-");
    if let Some(name) = source.strip_prefix("env:") {
        return std::env::var(name)
            .map(Secret::new)
            .map_err(|_| wrong(format!("the environment has no {name}")));
    }
    if let Some(file) = source.strip_prefix('@') {
        let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("{file}: {error}")))?;
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if source == "-" {
        let mut text = String::new();
        std::io::stdin().read_line(&mut text).map_err(|error| wrong(format!("standard input: {error}")))?;
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    Err(wrong("a secret is never given on the command line itself".to_owned()))
}

/// The folders of the files that settings name: who names a file here allows its folder.
fn folders(settings: &Json, files: &BTreeSet<String>) -> BTreeSet<String> {
    files
        .iter()
        .filter_map(|name| settings.get(name)?.as_str())
        .filter_map(|path| Path::new(path).parent())
        .map(|folder| folder.display().to_string())
        .collect()
}

/// Asks for what a method can't do without and for the files it can read, where somebody can answer. An empty answer gives nothing.
fn asked(context: &mut Context, plugin: &Plugin) -> given::Pairs {
    let schema = &plugin.about().settings;
    let required: BTreeSet<_> = schema
        .get("required")
        .and_then(Json::as_array)
        .map(|names| names.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default();
    let wanted = |name: &str| required.contains(name) || plugin.files().contains(name);
    let properties = schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let (must, may): (Vec<_>, Vec<_>) = properties
        .iter()
        .filter(|(name, _)| wanted(name) && !plugin.secrets().contains(*name))
        .partition(|(name, _)| required.contains(name.as_str()));
    let mut pairs = given::Pairs::new();
    for (name, property) in must.into_iter().chain(may) {
        let what = property.get("description").and_then(Json::as_str).unwrap_or_default();
        let optional = if required.contains(name.as_str()) { "" } else { " (empty: none)" };
        let answer = context.console.ask(&format!("{name}: {what}{optional}"));
        if let Some(answer) = answer.filter(|answer| !answer.is_empty()) {
            pairs.push((name.clone(), Json::String(answer)));
        }
    }
    pairs
}

/// What is to be connected.
struct Draft {
    earlier: Option<Connection>,
    new: NewConnection,
    /// As they are kept.
    secrets: Vec<(String, Secret)>,
    /// Nothing but the sign-in changes: there is nothing to agree to.
    only_signs_in: bool,
}

/// What a test of it found.
struct Tested {
    report: Result<Report, Fault>,
    good: bool,
}

impl Tested {
    fn domains(&self) -> &[String] {
        self.report.as_ref().map_or(&[], |report| &report.verified_domains)
    }
}

/// Connects a source, or changes the settings of a connection.
pub async fn connect(args: ConnectArgs, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    let host = context.host().await?;
    let entry = host.catalogue().find(tenant.id, &args.method).await?;
    let plugin = &entry.plugin;
    if plugin.about().kind != Kind::Method {
        return Err(CliError::usage(
            format!("{} is a {}, not a method", args.method, plugin.about().kind.name()),
            "`usher plugin list` shows the methods; a policy is added with `usher policy add`",
        ));
    }
    let name = given::name("connection", args.name.as_deref().unwrap_or(&args.method))?;
    let earlier = match store.connection(tenant.id, &name).await {
        Ok(connection) => Some(connection),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(earlier) = earlier.as_ref().filter(|earlier| earlier.method != args.method) {
        return Err(CliError::usage(
            format!("{name} is a connection of the method {}", earlier.method),
            "give the new connection another name with --name",
        ));
    }
    let Some(mut draft) = drafted(context, plugin, name, earlier, &args)? else { return Ok(Status::Done) };
    // Tried before it is saved, so that what is asked is asked about real counts.
    let candidate = draft.candidate(tenant.id);
    draft.stays(context).await?;
    let signed_in = signed_in(context, &host, &candidate, &draft.secrets, &args).await?;
    draft.secrets.extend(signed_in);
    let given = given_secrets(&draft.secrets);
    let report = host.check(&candidate, given.as_ref()).await;
    if let Some(given) = &given {
        draft.renewed(given).await;
    }
    let tested = shown(context, report);
    if !args.share_domain {
        // What it has already was settled when it came to have it.
        let had = draft.earlier.as_ref().map_or(&[][..], |earlier| &earlier.domains);
        let new: Vec<_> = tested.domains().iter().filter(|domain| !had.contains(domain)).cloned().collect();
        unshared(&store, &candidate, &new).await?;
    }
    if !(args.yes || draft.only_signs_in && tested.good) {
        agreed(context, &draft, &tested)?;
    }
    let connection = kept(context, plugin, tenant.id, &draft, &tested).await?;
    told(context, &draft, &tested, &connection).await?;
    Ok(Status::Done)
}

impl Draft {
    /// A kept secret was given for an address of the source, and isn't sent to another.
    async fn stays(&self, context: &mut Context) -> Result<(), CliError> {
        let Some(earlier) = &self.earlier else { return Ok(()) };
        let moves = |name| earlier.settings.get(name) != self.new.settings.get(name);
        if !["cloud", "login_url", "graph_url"].into_iter().any(moves) {
            return Ok(());
        }
        let (store, key) = (context.store().await?, context.key()?);
        for name in PROOFS {
            let given = self.secrets.iter().any(|(given, _)| PROOFS.contains(&given.as_str()));
            if !given && store.secret(&key, earlier.tenant, earlier.id, name).await?.is_some() {
                return Err(CliError::usage(
                    format!("the kept {name} was given for another address, and isn't sent to this one"),
                    "give it again, with --secret",
                ));
            }
        }
        Ok(())
    }

    /// Takes over a sign-in that was renewed while it was tried.
    async fn renewed(&mut self, given: &Secrets) {
        let Some(text) = given.signed_in().await else { return };
        for (name, secret) in &mut self.secrets {
            if name == TOKENS {
                secret.clone_from(&text);
            }
        }
    }

    /// Whether it reads in the name of who signs in.
    fn is_delegated(settings: &Json) -> bool {
        settings.get("permission").is_some_and(|said| said == "delegated")
    }

    /// As if it were connected.
    fn candidate(&self, tenant: i64) -> Connection {
        Connection {
            tenant,
            id: self.earlier.as_ref().map_or(0, |earlier| earlier.id),
            name: self.new.name.clone(),
            method: self.new.method.clone(),
            settings: self.new.settings.clone(),
            scope: self.new.scope.clone(),
            rules: self.new.rules.clone(),
            state: State::Configured,
            cursor: None,
            fingerprint: None,
            admitted_by: None,
            domains: Vec::new(),
        }
    }
}

/// What is given, over what is there already. Nothing where only that was to be seen, which it was then.
fn drafted(
    context: &mut Context,
    plugin: &Plugin,
    name: String,
    earlier: Option<Connection>,
    args: &ConnectArgs,
) -> Result<Option<Draft>, CliError> {
    let asks_graph = plugin.asks().contains("graph");
    if args.reauthorise && !asks_graph {
        return Err(CliError::usage(
            format!("{} signs in nowhere, so there is nothing to authorise", args.method),
            format!("`usher plugin show {}` lists its settings", args.method),
        ));
    }
    let (mut pairs, folder) = given::pairs(&args.given)?;
    if pairs.is_empty() && args.secret.is_empty() && earlier.is_none() {
        pairs = asked(context, plugin);
    }
    let nothing = pairs.is_empty() && args.secret.is_empty();
    let only_signs_in = nothing && args.reauthorise;
    match &earlier {
        Some(earlier) if nothing && !args.reauthorise => {
            saved(context, earlier);
            return Ok(None);
        }
        None if nothing => {
            return Err(CliError::usage(
                format!("{} needs settings", args.method),
                format!(
                    "give them with --set key=value or --settings FILE; `usher plugin show {}` lists them",
                    args.method
                ),
            ));
        }
        _ => {}
    }
    let mut scope = earlier.as_ref().map_or_else(Scope::default, |earlier| earlier.scope.clone());
    let mut rules = earlier.as_ref().map_or_else(Rules::default, |earlier| earlier.rules.clone());
    if earlier.is_none() && asks_graph {
        // A tenant's guests are people of other organisations.
        scope.guests = false;
        rules.interval = Some(GRAPH_MINUTES);
    }
    let own_folders = pairs.iter().any(|(key, _)| key == "folders");
    let rest = given::for_host(plugin, pairs, &mut scope, &mut rules)?;
    if asks_graph {
        // Graph lets the case of ids vary; they are kept in lower case.
        scope.chosen = scope.chosen.map(|chosen| chosen.iter().map(|id| id.to_ascii_lowercase()).collect());
        scope.root = scope.root.map(|root| root.to_ascii_lowercase());
    }
    if scope.chosen.as_ref().is_some_and(BTreeSet::is_empty) {
        return Err(CliError::usage(
            "scope=groups needs at least one chosen group",
            "find ids with `usher groups list --source`, then --set chosen=ID,ID",
        ));
    }
    let now = earlier.as_ref().map_or(Json::Null, |earlier| earlier.settings.clone());
    let settings = given::for_plugin(plugin, now, &rest, folder.as_deref())?;
    if !own_folders {
        // The folders of files that aren't named any more go, those that were stated stay.
        let before =
            earlier.as_ref().map(|earlier| folders(&earlier.settings, plugin.files())).unwrap_or_default();
        let stated = rules.folders.iter().filter(|folder| !before.contains(*folder)).cloned();
        let named = folders(&settings, plugin.files());
        rules.folders = stated.chain(named).collect::<BTreeSet<_>>().into_iter().collect();
    }
    if let Some(root) = rules.folders.iter().find(|folder| Path::new(folder).parent().is_none()) {
        return Err(CliError::usage(
            format!("{root} as an allowed folder would open every file of this machine to the source"),
            "put the files into a folder of their own",
        ));
    }
    let secrets = secrets(plugin, &args.secret)?;
    let new = NewConnection { name, method: args.method.clone(), settings, scope, rules };
    Ok(Some(Draft { earlier, new, secrets, only_signs_in }))
}

/// The secrets that are given, read from where they are.
fn secrets(plugin: &Plugin, given: &[String]) -> Result<Vec<(String, Secret)>, CliError> {
    let read = |pair: &String| {
        let (key, source) = pair.split_once('=').ok_or_else(|| {
            CliError::usage(format!("--secret {pair}: there is no `=`"), "write --secret key=env:NAME")
        })?;
        if !plugin.secrets().contains(key) {
            return Err(CliError::usage(
                format!("{} has no secret setting {key}", plugin.id()),
                format!("`usher plugin show {}` lists its settings", plugin.id()),
            ));
        }
        Ok((key.to_owned(), secret(source)?))
    };
    given.iter().map(read).collect()
}

/// Shows what a test found.
fn shown(context: &mut Context, report: Result<Report, Fault>) -> Tested {
    let good = match &report {
        Ok(report) => {
            findings(context, report);
            failed(report).is_none()
        }
        Err(fault) => {
            let bad = context.console.tone(Tone::Bad, "✗");
            context.console.line(format!("  {bad} {}", fault.message));
            false
        }
    };
    Tested { report, good }
}

/// Asks whether it is to be so.
fn agreed(context: &mut Context, draft: &Draft, tested: &Tested) -> Result<(), CliError> {
    let everyone = draft.new.scope.chosen.is_none();
    context.console.line(match tested.report.as_ref().ok().and_then(|report| report.counts) {
        Some(counts) if everyone => {
            format!("The full scope is {} users and {} groups.", counts.users, counts.groups)
        }
        _ if everyone => "The scope is everybody.".to_owned(),
        _ => "Only the chosen groups and their people come in.".to_owned(),
    });
    let question = if tested.good {
        "Save these settings?"
    } else {
        "The test failed. Save these settings all the same?"
    };
    if context.console.confirm(question) {
        return Ok(());
    }
    Err(CliError {
        status: Status::Held,
        class: "unconfirmed".to_owned(),
        message: "nothing was saved".to_owned(),
        advice: Some("confirm when asked, or give --yes".to_owned()),
    })
}

/// Keeps it, with its secrets and what the test found.
async fn kept(
    context: &mut Context,
    plugin: &Plugin,
    tenant: i64,
    draft: &Draft,
    tested: &Tested,
) -> Result<Connection, CliError> {
    let store = context.store().await?;
    let connection = store.save_connection(tenant, &draft.new, context.now()).await?;
    // A test that didn't see them says nothing of them, unless the source is another one now.
    let same = draft.earlier.as_ref().is_some_and(|earlier| earlier.settings == connection.settings);
    if !tested.domains().is_empty() || !same {
        store.keep_domains(&connection, tested.domains()).await?;
    }
    let asks_graph = plugin.asks().contains("graph");
    if !draft.secrets.is_empty() {
        let key = context.key()?;
        for (name, secret) in &draft.secrets {
            store.keep_secret(&key, tenant, connection.id, name, secret).await?;
        }
        // A credential takes the place of the one before, also of the other kind.
        let given = |name: &str| draft.secrets.iter().any(|(given, _)| given == name);
        let [secret, certificate] = PROOFS;
        for (new, old) in [(secret, certificate), (certificate, secret)] {
            if asks_graph && given(new) && !given(old) {
                store.forget_secret(tenant, connection.id, old).await?;
            }
        }
    }
    let was_delegated = draft.earlier.as_ref().is_some_and(|earlier| Draft::is_delegated(&earlier.settings));
    if was_delegated && !Draft::is_delegated(&connection.settings) {
        store.forget_secret(tenant, connection.id, TOKENS).await?;
    }
    if tested.good && asks_graph { authorised(&store, &connection).await } else { Ok(connection) }
}

/// Says what has become of it.
async fn told(
    context: &mut Context,
    draft: &Draft,
    tested: &Tested,
    connection: &Connection,
) -> Result<(), CliError> {
    let name = &connection.name;
    if context.console.is_json() {
        let findings = tested.report.as_ref().map(report_json).unwrap_or_default();
        let fault = tested.report.as_ref().err();
        context
            .console
            .json(&json!({ "connection": name, "method": connection.method, "state": connection.state,
            "tested": tested.good, "check": findings, "fault": fault }));
        return Ok(());
    }
    if draft.only_signs_in && tested.good && connection.state.is_live() {
        context.console.line(format!("{name} is authorised. The next run goes on where the last one ended."));
        return Ok(());
    }
    let word = if draft.earlier.is_some() { "changed" } else { "connected" };
    let warning = if tested.good { "" } else { " The test failed: see above." };
    let others = context.store().await?.connections(connection.tenant).await?;
    let active = others.iter().find(|other| other.id != connection.id && other.state.is_live());
    context.console.line(match active.filter(|_| !connection.state.is_live()) {
        Some(active) => format!(
            "{name} is {word}.{warning} {} stays the active connection: see what a switch would do with `usher plan --connection {name}`, and switch with `usher switch {name}`.",
            active.name
        ),
        None => format!(
            "{name} is {word}.{warning} Nothing is imported yet: see what would be with `usher plan`."
        ),
    });
    Ok(())
}

/// One verified domain belongs to one live connection: two would both say who its people are.
async fn unshared(store: &Store, candidate: &Connection, domains: &[String]) -> Result<(), CliError> {
    let but = (candidate.tenant, candidate.id);
    let holder = store.holder_of_domain(&candidate.method, but, domains).await?;
    let Some((domain, tenant, name)) = holder else { return Ok(()) };
    Err(CliError {
        status: Status::Usage,
        class: "domain_connected".to_owned(),
        message: format!(
            "{domain} is connected already, by {name} of the tenant {tenant}; nothing was changed"
        ),
        advice: Some(format!(
            "change that connection, or disconnect it (`usher --tenant {tenant} disconnect {name}`); with `usher connect … --share-domain` both are connected"
        )),
    })
}

fn given_secrets(secrets: &[(String, Secret)]) -> Option<Secrets> {
    (!secrets.is_empty()).then(|| Secrets::of(secrets.iter().cloned()))
}

/// Has somebody sign in where the connection needs it, or it is asked for. Gives what is kept of it.
async fn signed_in(
    context: &mut Context,
    host: &Host,
    candidate: &Connection,
    secrets: &[(String, Secret)],
    args: &ConnectArgs,
) -> Result<Vec<(String, Secret)>, CliError> {
    let is_delegated = Draft::is_delegated(&candidate.settings);
    if !is_delegated && !args.reauthorise {
        return Ok(Vec::new());
    }
    let given = given_secrets(secrets);
    let Some(authorisation) = host.authorisation(candidate, given.as_ref()).await? else {
        return Ok(Vec::new());
    };
    if is_delegated && !args.reauthorise && authorisation.is_signed_in().await? {
        if !secrets.is_empty() {
            // What is given now is to be tried, and not what was got by the one before.
            authorisation.anew().await?;
        }
        return Ok(Vec::new());
    }
    let place = Where { device: args.device, port: args.callback_port };
    authorise(context, &authorisation, place, "--device").await
}

fn saved(context: &mut Context, connection: &Connection) {
    let value = json!({ "connection": connection.name, "method": connection.method, "state": connection.state,
        "settings": connection.settings, "scope": connection.scope, "rules": connection.rules });
    if context.console.is_json() {
        context.console.json(&value);
    } else {
        context.console.line(format!("{} ({}), saved settings:", connection.name, connection.method));
        context.console.line(format!(
            "{:#}",
            json!({ "settings": connection.settings, "scope": connection.scope, "rules": connection.rules })
        ));
        context.console.line("Change one with --set key=value.");
    }
}

fn report_json(report: &Report) -> Json {
    json!({
        "findings": report.findings.iter().map(|finding| json!({
            "standing": match finding.standing { Standing::Good => "good", Standing::Warning => "warning", Standing::Failed => "failed" },
            "what": finding.what, "advice": finding.advice })).collect::<Vec<_>>(),
        "counts": report.counts.map(|counts| json!({ "users": counts.users, "groups": counts.groups, "memberships": counts.memberships })),
        "verified_domains": report.verified_domains,
    })
}

fn findings(context: &mut Context, report: &Report) {
    for finding in &report.findings {
        let (sign, tone) = match finding.standing {
            Standing::Good => ("✓", Tone::Good),
            Standing::Warning => ("!", Tone::Change),
            Standing::Failed => ("✗", Tone::Bad),
        };
        let sign = context.console.tone(tone, sign);
        context.console.line(format!("  {sign} {}", finding.what));
        if let Some(advice) = &finding.advice {
            context.console.line(format!("    {advice}"));
        }
    }
    if let Some(counts) = report.counts {
        let memberships =
            counts.memberships.map(|number| format!(", {number} memberships")).unwrap_or_default();
        context.console.line(format!("  {} users, {} groups{memberships}", counts.users, counts.groups));
    }
}

/// What keeps a source from being read, of what a test found.
pub fn failed(report: &Report) -> Option<&str> {
    let failed = report.findings.iter().find(|finding| finding.standing == Standing::Failed)?;
    Some(&failed.what)
}

/// After a test of a connection that signs in: whose domains it has is looked at and kept, and if its credential is taken, its state goes on.
pub async fn taken(store: &Store, connection: &Connection, report: &Report) -> Result<Connection, CliError> {
    if !report.verified_domains.is_empty() {
        let new = report.verified_domains.iter().filter(|domain| !connection.domains.contains(domain));
        unshared(store, connection, &new.cloned().collect::<Vec<_>>()).await?;
        store.keep_domains(connection, &report.verified_domains).await?;
    }
    if failed(report).is_none() { authorised(store, connection).await } else { Ok(connection.clone()) }
}

/// The state of a connection whose credential is taken.
async fn authorised(store: &Store, connection: &Connection) -> Result<Connection, CliError> {
    for (from, to) in [(State::Configured, State::Authorised), (State::NeedsReauthorisation, State::Active)] {
        store.move_connection_state(connection, from, to).await?;
    }
    Ok(store.connection(connection.tenant, &connection.name).await?)
}

/// Tests a connection.
pub async fn check(on: OnConnection, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(on.connection.as_deref()).await?;
    let host = context.host().await?;
    let report = host.check(&connection, None).await?;
    let good = failed(&report).is_none();
    if host.authorisation(&connection, None).await?.is_some() {
        taken(&context.store().await?, &connection, &report).await?;
    }
    if context.console.is_json() {
        let mut value = report_json(&report);
        if let Some(value) = value.as_object_mut() {
            value.insert("connection".to_owned(), connection.name.clone().into());
            value.insert("ok".to_owned(), good.into());
        }
        context.console.json(&value);
    } else {
        context.console.line(format!("{} ({}):", connection.name, connection.method));
        findings(context, &report);
    }
    Ok(if good { Status::Done } else { Status::Failed })
}

/// Removes a connection for good.
pub async fn disconnect(args: DisconnectArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(Some(&args.name)).await?;
    let store = context.store().await?;
    let others = store.connections(connection.tenant).await?;
    let idle = others.iter().find(|other| other.state == State::Disabled && other.id != connection.id);
    let first = match idle.filter(|_| connection.state.is_live()) {
        Some(idle) => {
            format!(", also those whom {0} knows (`usher switch {0}` first hands them to it)", idle.name)
        }
        None => String::new(),
    };
    typed(
        context,
        &args.name,
        args.confirm.as_deref(),
        &format!(
            "the connection, its bindings and its secrets go; its people and groups stay as if made by hand{first}"
        ),
    )?;
    store.remove_connection(context.by().await?, &connection).await?;
    context
        .console
        .line(format!("{} is disconnected. Its people and groups stay, as if made by hand.", args.name));
    if context.console.is_json() {
        context.console.json(&json!({ "disconnected": args.name }));
    }
    Ok(Status::Done)
}
