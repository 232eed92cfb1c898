//! Builds the plugins that only tests use.

#[path = "../plugins/bundle/building.rs"]
mod building;

use building::Package;

const HOSTILE: [&str; 5] =
    ["hostile_method", "hostile_policy", "hostile_grabbing", "hostile_sockets", "hostile_endless"];

fn main() {
    let packages = [
        Package { name: "usher-test-scripted", folder: "tests/plugins/scripted", examples: &[] },
        Package { name: "usher-test-hostile", folder: "tests/plugins/hostile", examples: &HOSTILE },
    ];
    for component in building::build(&packages) {
        let name = component.file_stem().unwrap_or_default().to_string_lossy().to_uppercase();
        println!("cargo::rustc-env={name}={}", component.display());
    }
}
