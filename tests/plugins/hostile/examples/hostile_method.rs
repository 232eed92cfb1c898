//! The method.

usher_plugin::register_method!(usher_test_hostile::HostileMethod);
