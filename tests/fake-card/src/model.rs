//! A stand-in for a model server: it loads, answers, grows, unloads and crashes
//! as its settings and orders say, and holds memory of a fake card meanwhile.

pub mod config_file;
pub mod life;
pub mod memory;
pub mod service;
pub mod settings;
