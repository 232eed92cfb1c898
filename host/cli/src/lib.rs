//! The command line: what operators type, and what they read.
//!
//! [`usher`] is the whole program but for the process around it, so that tests run it with a clock and a console of their own.

mod args;
mod commands;
mod console;
mod context;
mod error;
mod given;
mod show;

pub use console::Console;
pub use error::{CliError, Status};

use clap::Parser;
use context::Context;
use std::ffi::OsString;
use std::sync::Arc;
use usher_services::Clock;

/// Runs one command. Gives the exit status: 0 done, 1 failed, 2 usage or settings, 3 held, 4 already running.
pub async fn usher(
    arguments: impl IntoIterator<Item = OsString>,
    mut console: Console,
    clock: Arc<dyn Clock>,
) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    console.set_json(arguments.iter().any(|argument| argument == "--json"));
    let cli = match args::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let text = if console.is_interactive() {
                error.render().ansi().to_string()
            } else {
                error.render().to_string()
            };
            return if error.use_stderr() {
                if console.is_json() {
                    let (message, advice) = text.split_once("\n\n").unwrap_or((&text, ""));
                    console.json(&serde_json::json!({ "fault": { "class": "usage",
                        "message": message.trim_start_matches("error: "), "advice": advice.trim() } }));
                }
                console.error_text(&text);
                Status::Usage.code()
            } else {
                console.text(&text);
                Status::Done.code()
            };
        }
    };
    console.set_json(cli.json);
    let mut context = Context::new(&cli, console, clock);
    let status = match commands::run(cli.command, &mut context).await {
        Ok(status) => status,
        Err(error) => {
            context.console.fail(&error);
            error.status
        }
    };
    context.close().await;
    status.code()
}
