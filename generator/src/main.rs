//! `gpu-stacks`: see [`gpu_stacks`].

fn main() -> std::process::ExitCode {
    gpu_stacks::cli::run()
}
