//! Builds the plugins that come with the host.

mod building;

use building::Package;

fn main() {
    let packages = [
        Package { name: "usher-method-csv", folder: "plugins/methods/csv", examples: &[] },
        Package { name: "usher-method-m365", folder: "plugins/methods/m365", examples: &[] },
        Package { name: "usher-policy-attributes", folder: "plugins/policies/attributes", examples: &[] },
        Package { name: "usher-policy-deny-list", folder: "plugins/policies/deny-list", examples: &[] },
        Package { name: "usher-policy-domain", folder: "plugins/policies/domain", examples: &[] },
        Package { name: "usher-policy-email-method", folder: "plugins/policies/email-method", examples: &[] },
        Package { name: "usher-policy-licence", folder: "plugins/policies/licence", examples: &[] },
    ];
    for (package, component) in packages.iter().zip(building::build(&packages)) {
        let name = package.name.to_uppercase().replace('-', "_");
        println!("cargo::rustc-env={name}={}", component.display());
    }
}
