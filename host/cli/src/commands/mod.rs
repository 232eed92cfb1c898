//! The commands, one module a family.

mod authorise;
mod changes;
mod connect;
mod database;
mod demo;
mod erase;
mod groups;
mod import;
mod orphans;
mod plugin;
mod policy;
mod protection;
mod retention;
mod runs;
mod status;
mod sync;
mod tenant;
mod users;
mod why;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::{CliError, Status};
use clap::CommandFactory;

/// Runs a command.
pub async fn run(command: Command, context: &mut Context) -> Result<Status, CliError> {
    match command {
        Command::Demo(args) => demo::demo(args, context).await,
        Command::Tenant(command) => tenant::tenant(command, context).await,
        Command::Connect(args) => connect::connect(args, context).await,
        Command::Disconnect(args) => connect::disconnect(args, context).await,
        Command::Check(on) => connect::check(on, context).await,
        Command::Plan(args) => sync::plan(args, context).await,
        Command::Sync(args) => sync::sync(args, context).await,
        Command::Switch(args) => sync::switch(args, context).await,
        Command::Orphans(command) => orphans::orphans(command, context).await,
        Command::Resume(args) => sync::resume(args, context).await,
        Command::Status => status::status(context).await,
        Command::Runs(command) => runs::runs(command, context).await,
        Command::Why(args) => why::why(args, context).await,
        Command::Users(command) => users::users(command, context).await,
        Command::Groups(command) => groups::groups(command, context).await,
        Command::Policy(command) => policy::policy(command, context).await,
        Command::Plugin(command) => plugin::plugin(command, context).await,
        Command::Retention { command } => retention::retention(command, context).await,
        Command::Database(command) => database::database(command, context).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "usher", &mut script);
            context.console.text(&String::from_utf8_lossy(&script));
            Ok(Status::Done)
        }
    }
}
