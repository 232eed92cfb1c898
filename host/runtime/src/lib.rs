//! Runs plugins: WebAssembly components behind fences.
//!
//! [`Runtime`] compiles components, keeps the compiled code, and asks each what it is ([`Plugin`]). Of a plugin and a [`Grant`] it
//! makes instances ([`Method`], [`Policy`]) that have the services they were granted and nothing else. Every call has budgets
//! ([`Limits`]); a plugin that breaks one is thrown away and named ([`PluginFault`]), and nothing else is hurt.
//!
//! This crate knows the contract in `wit/` but no directory: what users and groups mean is for others.

mod about;
mod answers;
mod cache;
pub mod contract;
mod door;
mod engine;
mod escape;
mod fault;
mod grant;
mod instance;
pub mod limits;
mod method;
mod plugin;
mod policy;
mod runtime;
mod schema;
mod service;
mod state;
mod unfold;
mod wasi;

pub use about::{About, Absence, BadAbout, Kind, Reads};
pub use cache::CacheError;
pub use door::{Spent, Weigh};
pub use escape::one_line;
pub use fault::{CallError, FaultKind, PluginFault};
pub use grant::{Grant, INTERFACES, Refusal};
pub use limits::{BadLimits, Limits};
pub use method::Method;
pub use plugin::Plugin;
pub use policy::Policy;
pub use runtime::{COMPONENT_BYTES, LoadError, Runtime, RuntimeError, RuntimeOptions};
pub use service::{BoxFuture, Functions, LinkError, Service, Services};
pub use wasi::RunEnvironment;
