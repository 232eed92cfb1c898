//! Runs `tests/judges/graph.py` against a tenant.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::process::Command;
use usher_demo::{Identity, Tenant};

/// All that a reader needs.
pub const READER: [&str; 3] = ["Directory.Read.All", "RoleManagement.Read.Directory", "Application.Read.All"];
/// What an administrator's programs have.
pub const ADMINISTRATOR: [&str; 3] = ["User.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"];

/// What the library made of a tenant in a scenario, as an application with these permissions.
pub async fn made_of(tenant: &Tenant, scenario: &str, permissions: &[&str]) -> Value {
    let python = std::env::var("USHER_TEST_PYTHON").unwrap_or_else(|_| {
        panic!(
            "USHER_TEST_PYTHON doesn't say where Python with Microsoft's libraries is: `./tests/run` installs it, and so does \
             `eval \"$(tests/judges/install)\"`"
        )
    });
    tenant.accept_token("judge", Identity::application(permissions.iter().copied()));
    let server = tenant.serve_at("127.0.0.1:0").await.unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/graph.py");
    let run = Command::new(python)
        .args([program.as_os_str(), server.url().as_ref(), "judge".as_ref(), scenario.as_ref()])
        // Nothing between it and the tenant, and nothing left behind beside the program.
        .env("NO_PROXY", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .kill_on_drop(true)
        .output();
    let run = run.await.unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{scenario}: {}\n{errors}", run.status);
    server.stop().await;
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{scenario}: {error}\n{errors}"))
}

/// Elements by one of their texts.
pub fn by<'v>(list: &'v Value, name: &str) -> BTreeMap<&'v str, &'v Value> {
    let elements = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let all: BTreeMap<&str, &Value> =
        elements.iter().map(|element| (element[name].as_str().unwrap(), element)).collect();
    assert_eq!(all.len(), elements.len(), "something is there twice: {list}");
    all
}

/// One of the texts of all elements, sorted.
pub fn each<'v>(list: &'v Value, name: &str) -> Vec<&'v str> {
    by(list, name).into_keys().collect()
}

/// The id of a user or a group.
pub fn id(tenant: &Tenant, name: &str) -> String {
    tenant.user(name).or_else(|| tenant.group(name)).unwrap_or_else(|| panic!("no {name}")).to_string()
}
