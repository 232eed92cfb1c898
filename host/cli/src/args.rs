//! What can be typed. Every command is defined here once: this feeds the parser, the help and the shell completion.

mod policy;

pub use policy::PolicyCommand;

use clap::{Args, Parser, Subcommand, ValueHint};
use std::path::PathBuf;

/// Under which help lists the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Brings people and groups into an organisation's directory, and keeps them right.
#[derive(Debug, Parser)]
#[command(name = "usher", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  usher demo                                         a tour that needs nothing else
  usher connect csv --set users=/srv/hr/users.csv    connect a first source
  usher plan                                         see what a run would change
  usher sync                                         show it, ask, and change it
  usher why ann@acme.example                         why somebody is in, out, or as they are

Exit status: 0 done, 1 failed, 2 usage or settings, 3 held, 4 already running")]
pub struct Cli {
    /// The data folder
    #[arg(long, global = true, help_heading = EVERYWHERE, hide_env_values = true, env = "USHER_DATA", default_value = "usher-data", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: PathBuf,
    /// The database: `postgres://USER@HOST/NAME` (the password as PGPASSWORD, or in it) [default: a file in the data folder]
    #[arg(long, global = true, help_heading = EVERYWHERE, hide_env_values = true, env = "USHER_DATABASE", value_name = "URL")]
    pub database: Option<String>,
    /// The folder for compiled plugins [default: `cache` in the data folder]
    #[arg(long, global = true, help_heading = EVERYWHERE, hide_env_values = true, env = "USHER_CACHE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cache: Option<PathBuf>,
    /// The tenant
    #[arg(long, global = true, help_heading = EVERYWHERE, hide_env_values = true, env = "USHER_TENANT", default_value = "default", value_name = "NAME")]
    pub tenant: String,
    /// Print one JSON value, and ask nothing
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a self-contained tour: connect, plan, sync, why, a file cut in half, and an undo
    Demo(DemoArgs),
    /// List, add and remove tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Connect a source, or change the settings of one
    Connect(ConnectArgs),
    /// Remove a connection for good; its people stay, as if made by hand
    Disconnect(DisconnectArgs),
    /// Test a connection: reach, rights, and what it can see
    Check(OnConnection),
    /// See what a run would change, changing nothing
    Plan(PlanArgs),
    /// Plan, show, ask, and change
    Sync(SyncArgs),
    /// Make another connection the active one, after showing what would become of everybody
    Switch(SwitchArgs),
    /// Let a connection run again that is paused since a run was undone
    Resume(ResumeArgs),
    /// What idle connections brought, and nobody brings now
    #[command(subcommand)]
    Orphans(OrphansCommand),
    /// Show how the tenant's connections stand
    Status,
    /// Look at past runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Say step by step why somebody is in, out, or as they are
    Why(WhyArgs),
    /// The directory's users
    #[command(subcommand)]
    Users(UsersCommand),
    /// The directory's groups
    #[command(subcommand)]
    Groups(GroupsCommand),
    /// The tenant's chain of policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Plugins: methods and policies
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// How long history, plans and people left out are kept
    Retention {
        /// What to do
        #[command(subcommand)]
        command: Option<RetentionCommand>,
    },
    /// The database: is it sound, a copy of it, and moving it to Postgres
    #[command(subcommand)]
    Database(DatabaseCommand),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  usher completion bash > /etc/bash_completion.d/usher")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Retention.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Show for how many days things are kept, and what is past them
    Show,
    /// Set for how many days things are kept
    #[command(after_help = "Example:\n  usher retention set history=400 plans=30 left-out=30")]
    Set {
        /// history, plans or left-out, and a number of days
        #[arg(value_name = "NAME=DAYS", required = true)]
        days: Vec<String>,
    },
    /// Let go of what is past its days, as the end of every sync does
    Apply {
        /// Only show what would go
        #[arg(long)]
        dry_run: bool,
        /// Don't ask
        #[arg(long)]
        yes: bool,
        /// Also where so much time has passed without a run that the clock may be wrong
        #[arg(long)]
        clock_is_right: bool,
    },
}

/// The database.
#[derive(Debug, Subcommand)]
pub enum DatabaseCommand {
    /// Look for damage: what the engine finds, what refers to nothing, records that aren't what was read
    Check {
        /// Forget mirrored records that aren't what was read: the next sync reads their source from nothing and takes them anew
        #[arg(long)]
        heal: bool,
    },
    /// Copy the database to a new file, while others go on using it
    #[command(
        after_help = "Example:\n  usher database backup /var/backups/usher-monday.db\n\nThe copy has no key: keep the file `key` of the data folder in another place."
    )]
    Backup {
        /// The file, which must not be there yet
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Move everything to an empty Postgres; what is here stays, and is no longer to be used
    #[command(
        after_help = "Example:\n  usher database move postgres://usher@db.example/usher\n  export USHER_DATABASE=postgres://usher@db.example/usher"
    )]
    Move {
        /// The address of an empty database
        #[arg(value_name = "URL")]
        to: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

/// How changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// To be read.
    Lines,
    /// A table for a spreadsheet: one row a field.
    Csv,
    /// JSON lines: one object a change.
    Jsonl,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep the files and the data in this folder, which must be empty or new
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub keep: Option<PathBuf>,
}

/// Tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant
    Add {
        /// Its name
        name: String,
    },
    /// List the tenants
    List,
    /// Remove a tenant with everything in it
    Remove {
        /// Its name
        name: String,
        /// Its name once more, where nobody can be asked
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
}

/// Settings, as flags or as a file.
#[derive(Debug, Args)]
pub struct Given {
    /// A setting; `mapping.userName=Login` sets one key of a table, an empty value takes a setting away
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Settings from a TOML file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub settings: Option<PathBuf>,
}

/// Arguments of `connect`.
#[derive(Debug, Args)]
#[command(after_help = "Settings of every connection:
  scope            full (default) or groups
  chosen           with scope=groups: source ids of the chosen groups, with commas between
  group_types      all (default), security365, usecure, or types with commas between
  include_groups   whether groups come in (true)
  managers         whether managers come in (true)
  guests           whether guests come in (true; from Microsoft 365: false)
  root             in the full scope: the group that paths start from
  interval         minutes between runs of `usher sync --due`, or off (off; from Microsoft 365: 30)
  grace_days       days between leaving and deletion (30)
  matching         a newcomer who may be somebody made by hand: ask (default), link, skip, fail
  authoritative    mail domains in which this source's word is proof of identity
  guard_percent, guard_floor, guard_half_from    what holds a run (10, 10, 4)
  folders          folders below which its files may lie (the folders of the files given)

The method's own settings: `usher plugin show csv`, `usher plugin show m365`

Examples:
  usher connect m365 --set tenant_id=contoso.onmicrosoft.com --set client_id=APP --secret client_secret=env:SECRET
  usher connect m365 --set tenant_id=contoso.onmicrosoft.com --set client_id=APP --set permission=delegated
  usher connect m365 --reauthorise
  usher connect csv --set users=/srv/hr/users.csv
  usher connect csv --name hr --set users=people.csv --set mapping.id=\"Employee No\"
  usher connect csv --settings hr.toml --yes")]
pub struct ConnectArgs {
    /// The method: csv, m365, or one added with `usher plugin add`
    pub method: String,
    /// What to call it (the method's name)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Settings
    #[command(flatten)]
    pub given: Given,
    /// A secret setting: from the environment, a file, or standard input
    #[arg(long, value_name = "KEY=env:NAME|@FILE|-")]
    pub secret: Vec<String>,
    /// Sign in and consent again; everything else stays as it is
    #[arg(long, visible_alias = "authorise")]
    pub reauthorise: bool,
    /// Sign in by a code at any browser, instead of one on this machine
    #[arg(long)]
    pub device: bool,
    /// The port that a browser on this machine comes back to (any free one)
    #[arg(long, value_name = "PORT", conflicts_with = "device")]
    pub callback_port: Option<u16>,
    /// Connect although another connection has one of the source's verified domains already
    #[arg(long)]
    pub share_domain: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `disconnect`.
#[derive(Debug, Args)]
pub struct DisconnectArgs {
    /// The connection
    pub name: String,
    /// Its name once more, where nobody can be asked
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
}

/// A connection.
#[derive(Debug, Args)]
pub struct OnConnection {
    /// The connection, where it isn't the active one
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  usher plan            the first lines and the counts
  usher plan --all      every line
  usher --json plan     for programs")]
pub struct PlanArgs {
    /// Which connection
    #[command(flatten)]
    pub on: OnConnection,
    /// Show every line
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  usher sync                          show the plan and ask
  usher sync --yes                    don't ask; what the guard holds still waits
  usher sync --accept 3f2a91c0b7d4    apply a plan that was seen
  usher sync --due --yes              run if its interval has passed: for cron, every minute")]
pub struct SyncArgs {
    /// Which connection
    #[command(flatten)]
    pub on: OnConnection,
    /// Only if it is due by its interval; runs by hand don't move that
    #[arg(long)]
    pub due: bool,
    /// Whether the plan may be applied
    #[command(flatten)]
    pub agreement: Agreement,
}

/// Arguments of `switch`.
#[derive(Debug, Args)]
#[command(
    after_help = "One connection of a tenant is active. Whom both have is taken over, and stays the same user; whom only the one that gives
way has stays too, orphaned, until `usher orphans remove`. Its settings are kept, and `usher switch` leads back.

Examples:
  usher plan --connection m365           see what the switch would do
  usher switch m365                      show it and ask
  usher switch m365 --accept 3f2a91c0b7d4    apply a plan that was seen"
)]
pub struct SwitchArgs {
    /// The connection that is to be active
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Whether the plan may be applied
    #[command(flatten)]
    pub agreement: Agreement,
}

/// Orphans.
#[derive(Debug, Subcommand)]
pub enum OrphansCommand {
    /// List users and groups of idle connections
    List,
    /// Plan, show, ask, and remove them
    #[command(after_help = "Examples:
  usher orphans remove                        all of them, with their memberships
  usher orphans remove ann@acme.example       only her
  usher orphans remove --connection hr        only those of one idle connection")]
    Remove {
        /// Only these users and groups: a name, id or source id
        #[arg(value_name = "WHO")]
        who: Vec<String>,
        /// Only those of this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
        /// Whether the plan may be applied
        #[command(flatten)]
        agreement: Agreement,
    },
}

/// Whether a plan may be applied.
#[derive(Debug, Args)]
pub struct Agreement {
    /// Show every line
    #[arg(long)]
    pub all: bool,
    /// Don't ask; what the guard holds still waits
    #[arg(long, conflicts_with = "accept")]
    pub yes: bool,
    /// Apply the plan with this hash, or one that takes away nothing more
    #[arg(long, value_name = "HASH")]
    pub accept: Option<String>,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The connection
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

/// Runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List the newest runs
    List {
        /// Only of this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one run: its counts, and what it passed over
    Show {
        /// Its number
        run: i64,
        /// Show every line of its plan
        #[arg(long)]
        lines: bool,
    },
    /// Take back what a run or an edit did, as far as nobody has changed it since
    #[command(after_help = "Examples:
  usher runs undo 7                          show the plan and ask
  usher runs undo 7 --accept 3f2a91c0b7d4    apply a plan that was seen
  usher runs undo 8                          where run 8 is an undo: take that back")]
    Undo {
        /// The run's number
        run: i64,
        /// Whether the plan may be applied
        #[command(flatten)]
        agreement: Agreement,
    },
    /// List or export what was changed: every field, before and after
    #[command(
        after_help = "Examples:\n  usher runs changes --who ann@acme.example\n  usher runs changes --since 2026-03-01 --field department\n  usher runs changes --format csv > changes.csv"
    )]
    Changes {
        /// Of this run
        #[arg(long, value_name = "RUN")]
        run: Option<i64>,
        /// About this user: userName, id or source id
        #[arg(long, value_name = "WHO", conflicts_with = "group")]
        who: Option<String>,
        /// About this group and its members: name, id or source id
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        /// From this day or moment on: 2026-03-01, 2026-03-01T08:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Before this day or moment
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Only of this kind
        #[arg(long, value_parser = ["user", "group", "membership"])]
        kind: Option<String>,
        /// Only with this action
        #[arg(long, value_parser = ["create", "link", "adopt", "update", "reactivate", "deactivate", "delete", "unlink", "add", "remove"])]
        action: Option<String>,
        /// Only of this field
        #[arg(long, value_name = "NAME")]
        field: Option<String>,
        /// As lines to read, as CSV, or as one JSON object a line
        #[arg(long, value_enum, default_value_t = Format::Lines)]
        format: Format,
    },
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// A userName, e-mail address, source id or directory id
    pub who: String,
    /// Which connection
    #[command(flatten)]
    pub on: OnConnection,
}

/// Users.
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// List users
    List {
        /// Part of a userName or displayName
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only those directly in this group
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        /// Only the inactive
        #[arg(long, conflicts_with = "active")]
        inactive: bool,
        /// Only the active
        #[arg(long)]
        active: bool,
        /// Only those made by hand
        #[arg(long)]
        manual: bool,
        /// Only those of idle connections
        #[arg(long, conflicts_with_all = ["manual", "as_of"])]
        orphaned: bool,
        /// At most so many; 0 for all
        #[arg(long, default_value_t = 0, value_name = "N")]
        limit: u64,
        /// As the directory was on this day or at this moment: 2026-03-01, 2026-03-01T08:00:00Z
        #[arg(long, value_name = "TIME")]
        as_of: Option<String>,
    },
    /// Show one user with its history
    Show {
        /// A userName, e-mail address, source id or directory id
        who: String,
        /// As the directory was on this day or at this moment: 2026-03-01, 2026-03-01T08:00:00Z
        #[arg(long, value_name = "TIME")]
        as_of: Option<String>,
    },
    /// Make a user by hand
    #[command(
        after_help = "Example:\n  usher users add ann@acme.example displayName='Ann Example' title=Engineer"
    )]
    Add {
        /// The userName
        user_name: String,
        /// Attributes: `displayName=…`, `emails=…,…`, `active=false`
        #[arg(value_name = "ATTRIBUTE=VALUE")]
        attributes: Vec<String>,
    },
    /// Make users by hand, once, from a CSV file; no connection, nothing is kept in step
    Import(ImportArgs),
    /// Set attributes of a user; an empty value takes one away
    Set {
        /// Which user
        who: String,
        /// Attributes
        #[arg(value_name = "ATTRIBUTE=VALUE", required = true)]
        attributes: Vec<String>,
    },
    /// Remove a user made by hand
    Remove {
        /// Which user
        who: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Erase a person everywhere, also from history, mirrors and plans; a keyed tombstone keeps the sources from bringing him back
    #[command(after_help = "Examples:
  usher users erase ann@acme.example     shows what goes, and asks for the name
  usher users erase --list               erasures, by the run that stands for each
  usher users erase --forget 12          whom run 12 erased may come in again")]
    Erase {
        /// A userName, e-mail address, source id or directory id; also of somebody who is only in history, or left out
        #[arg(required_unless_present_any = ["list", "forget"])]
        who: Option<String>,
        /// For somebody who is only at a source: which
        #[command(flatten)]
        on: OnConnection,
        /// Don't ask
        #[arg(long)]
        yes: bool,
        /// List erasures
        #[arg(long, conflicts_with_all = ["who", "forget"])]
        list: bool,
        /// Take the tombstones of an erasure away
        #[arg(long, value_name = "RUN", conflicts_with = "who")]
        forget: Option<i64>,
    },
    /// Protect somebody, such as a break-glass account: no plan deactivates, deletes or renames him, whatever a source or a policy says
    #[command(after_help = "Examples:
  usher users protect emergency@acme.example
  usher users protect not.yet@acme.example     whoever comes in with this userName")]
    Protect {
        /// A userName, e-mail address, source id or directory id
        who: String,
    },
    /// Take somebody off the list of the protected
    Unprotect {
        /// As it is on the list, or whom it means
        who: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// List who is protected
    Protected,
    /// Say that a record of a source is a user made by hand
    #[command(after_help = "Example:\n  usher users link ann@acme.example 4711")]
    Link {
        /// Which user
        who: String,
        /// The record's id at the source
        source_id: String,
        /// Which connection
        #[command(flatten)]
        on: OnConnection,
    },
}

/// Arguments of `users import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each row is a user, known by userName. A row that can't be read is named with its line, and the others go on; who comes
from a connection is passed over; an empty cell changes nothing. Groups and managers are not taken over.

Settings are those of the CSV method (`usher plugin show csv`): mapping, encoding, delimiter, filter, …

Examples:
  usher users import new.csv --dry-run     see what it would do
  usher users import new.csv               show it, ask, and do it
  usher users import new.csv --update      change also those made by hand whose rows differ
  usher users import new.csv --set mapping.userName=Login --yes
  export-people | usher users import - --yes"
)]
pub struct ImportArgs {
    /// The file; `-` for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Show what it would do, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Change users made by hand who are there already
    #[arg(long)]
    pub update: bool,
    /// Show every line
    #[arg(long)]
    pub all: bool,
    /// How the file is to be read
    #[command(flatten)]
    pub given: Given,
}

/// Groups.
#[derive(Debug, Subcommand)]
pub enum GroupsCommand {
    /// List groups
    List {
        /// The groups at the source, for choosing, instead of those of the directory
        #[arg(long)]
        source: bool,
        /// With --source: part of a name
        #[arg(long, value_name = "TEXT", requires = "source")]
        search: Option<String>,
        /// Which connection
        #[command(flatten)]
        on: OnConnection,
        /// As the directory was on this day or at this moment: 2026-03-01, 2026-03-01T08:00:00Z
        #[arg(long, value_name = "TIME", conflicts_with = "source")]
        as_of: Option<String>,
    },
    /// Show one group
    Show {
        /// A name, source id or directory id
        group: String,
        /// As the directory was on this day or at this moment: 2026-03-01, 2026-03-01T08:00:00Z
        #[arg(long, value_name = "TIME")]
        as_of: Option<String>,
    },
    /// List the members of a group, with those of nested groups
    Members {
        /// A name, source id or directory id
        group: String,
        /// Only direct members
        #[arg(long)]
        direct: bool,
        /// At the source, by its id there, instead of in the directory
        #[arg(long)]
        source: bool,
        /// Which connection
        #[command(flatten)]
        on: OnConnection,
        /// As the directory was on this day or at this moment: 2026-03-01, 2026-03-01T08:00:00Z
        #[arg(long, value_name = "TIME", conflicts_with = "source")]
        as_of: Option<String>,
    },
    /// Make a group by hand, or add a member to one
    #[command(after_help = "Examples:
  usher groups add Engineering
  usher groups add Engineering --member ann@acme.example")]
    Add {
        /// The group's name
        group: String,
        /// A user to add to it
        #[arg(long, value_name = "WHO")]
        member: Option<String>,
        /// Attributes of a new group
        #[arg(value_name = "ATTRIBUTE=VALUE")]
        attributes: Vec<String>,
    },
    /// Set attributes of a group; an empty value takes one away
    Set {
        /// Which group
        group: String,
        /// Attributes
        #[arg(value_name = "ATTRIBUTE=VALUE", required = true)]
        attributes: Vec<String>,
    },
    /// Remove a group made by hand, or a member added by hand
    Remove {
        /// Which group
        group: String,
        /// The user to take out of it
        #[arg(long, value_name = "WHO")]
        member: Option<String>,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

/// Plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the plugins
    List,
    /// Show a plugin: what it asks for, and its settings
    Show {
        /// Its id
        id: String,
    },
    /// Add a plugin from a WebAssembly component, after showing what it asks for
    Add {
        /// The component
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Grant what it asks for without asking
        #[arg(long)]
        yes: bool,
    },
    /// Look whether a component is a plugin that could be added
    Check {
        /// The component
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Show or set what a plugin may use: processor time, memory, what it hands over
    #[command(
        after_help = "Examples:\n  usher plugin limits csv\n  usher plugin limits csv --set memory_bytes=536870912 --set cpu_ms=20000\n  usher plugin limits csv --set cpu_ms=      back to the host's own"
    )]
    Limits {
        /// Its id
        id: String,
        /// A limit; an empty value takes it back to the host's own
        #[arg(long = "set", value_name = "NAME=NUMBER")]
        set: Vec<String>,
    },
    /// Forget an added plugin
    Remove {
        /// Its id
        id: String,
    },
}
