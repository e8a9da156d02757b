//! Compiles the protocol files in Rust, so that building needs no protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["proto/tfplugin6.proto", "proto/plugin.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    tonic_prost_build::configure()
        .build_client(false)
        // The calls that the framework does not serve must answer Unimplemented.
        .generate_default_stubs(true)
        .bytes(".")
        .compile_fds(protox::compile(files, ["proto"])?)?;
    Ok(())
}
