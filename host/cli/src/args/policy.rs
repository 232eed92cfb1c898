//! What can be typed after `usher policy`.

use super::{Given, OnConnection};
use clap::{Subcommand, ValueHint};
use std::path::PathBuf;

/// The chain.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show the chain, in order
    List,
    /// Add a policy at the end
    #[command(after_help = "Examples:
  usher policy add deny-list --set entries=cat@alt.example,@partner.example
  usher policy add deny-list --csv leavers.csv
  usher policy add email-method --set method=mail-then-upn
  usher policy add attributes --set 'map={\"title\": \"employeeType\"}'")]
    Add {
        /// The plugin: attributes, deny-list, domain, email-method, licence, or one added with `usher plugin add`
        plugin: String,
        /// What to call it (the plugin's name)
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Settings
        #[command(flatten)]
        given: Given,
        /// For deny-list: entries from a CSV file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        csv: Option<PathBuf>,
    },
    /// Change the settings of a policy
    Set {
        /// Its name in the chain
        name: String,
        /// Settings
        #[command(flatten)]
        given: Given,
        /// For deny-list: entries from a CSV file, instead of those it has
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        csv: Option<PathBuf>,
        /// With --csv: add to the entries it has
        #[arg(long, requires = "csv")]
        append: bool,
    },
    /// Show what a policy would say of somebody, saving nothing
    #[command(after_help = "Examples:
  usher policy try deny-list ann@acme.example --set entries=@acme.example
  usher policy try deny-list ann@acme.example        with the settings that it has in the chain")]
    Try {
        /// Its name in the chain, or a plugin
        name: String,
        /// userName, e-mail address or source id
        who: String,
        /// Settings, over those that it has in the chain
        #[command(flatten)]
        given: Given,
        /// For deny-list: entries from a CSV file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        csv: Option<PathBuf>,
        /// Which source's record of the person
        #[command(flatten)]
        on: OnConnection,
    },
    /// Move a policy to another place, counted from 1
    Move {
        /// Its name in the chain
        name: String,
        /// The place
        place: usize,
    },
    /// Ask a policy again that is switched off: about everybody, whatever was said of single connections, or about those of one
    On {
        /// Its name in the chain
        name: String,
        /// Only about this connection's people
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Leave a policy in its place, and don't ask it: about nobody, whatever was said of single connections, or not about those of one
    #[command(after_help = "Examples:
  usher policy off licence --connection csv      the people of csv have no licences
  usher policy off deny-list                     nobody is denied for now")]
    Off {
        /// Its name in the chain
        name: String,
        /// Only about this connection's people
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Take a policy out of the chain
    Remove {
        /// Its name in the chain
        name: String,
    },
}
