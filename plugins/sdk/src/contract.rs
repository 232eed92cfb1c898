//! The bindings that wit-bindgen makes of `wit/`.
//!
//! Each exported interface is bound by itself, since the macros that export them share one namespace; the linker joins them to the
//! world `method` or `policy`.
#![allow(
    missing_docs,
    unsafe_code,
    clippy::all,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

pub mod about_world {
    wit_bindgen::generate!({
        inline: "package usher:sdk-about;
                 world described { export usher:plugin/about@0.1.0; }",
        path: "../../wit",
        pub_export_macro: true,
        export_macro_name: "export_about",
        default_bindings_module: "usher_plugin::registered::about_world",
    });
}

pub mod source_world {
    wit_bindgen::generate!({
        inline: "package usher:sdk-source;
                 world pulled {
                     import usher:plugin/files@0.1.0;
                     import usher:plugin/graph@0.1.0;
                     import usher:plugin/mirror@0.1.0;
                     import usher:plugin/storage@0.1.0;
                     import usher:plugin/schedule@0.1.0;
                     import usher:plugin/log@0.1.0;
                     export usher:plugin/source@0.1.0;
                 }",
        path: "../../wit",
        pub_export_macro: true,
        export_macro_name: "export_source",
        default_bindings_module: "usher_plugin::registered::source_world",
        additional_derives: [Clone, PartialEq],
        generate_all,
    });
}

pub mod hook_world {
    wit_bindgen::generate!({
        inline: "package usher:sdk-hook;
                 world reviewing { import usher:plugin/log@0.1.0; export usher:plugin/hook@0.1.0; }",
        path: "../../wit",
        pub_export_macro: true,
        export_macro_name: "export_hook",
        default_bindings_module: "usher_plugin::registered::hook_world",
        additional_derives: [Clone, PartialEq],
        with: {
            "usher:plugin/model@0.1.0": super::source_world::usher::plugin::model,
            "usher:plugin/log@0.1.0": super::source_world::usher::plugin::log,
        },
    });
}

pub use about_world::export_about;
pub use hook_world::export_hook;
pub use hook_world::exports::usher::plugin::hook as policy;
pub use source_world::export_source;
pub use source_world::exports::usher::plugin::source;
pub use source_world::usher::plugin::{files, graph, log, mirror, model, schedule, storage};
