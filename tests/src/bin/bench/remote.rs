//! A server that keeps states, as a remote backend does: terraform's own `http` backend against this machine.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::get;

type States = Arc<Mutex<HashMap<String, Bytes>>>;

/// It ends with the bench.
pub(crate) struct Remote {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Remote {
    /// Starts one.
    pub(crate) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let states = Router::new()
            .route("/{name}", get(read).post(write))
            // The state of a thousand tenants is larger than what a server takes unasked.
            .layer(DefaultBodyLimit::disable())
            .with_state(States::default());
        runtime.spawn(async move { axum::serve(listener, states).await });
        Ok(Self { address, _runtime: runtime })
    }

    /// The backend of a configuration whose state has that name.
    pub(crate) fn hcl(&self, name: &str) -> String {
        let Self { address, .. } = self;
        format!(
            "\nterraform {{\n  backend \"http\" {{\n    address = \"http://{address}/{name}\"\n  }}\n}}\n"
        )
    }
}

async fn read(State(states): State<States>, Path(name): Path<String>) -> Result<Bytes, StatusCode> {
    let states = states.lock().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    states.get(&name).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn write(State(states): State<States>, Path(name): Path<String>, state: Bytes) -> StatusCode {
    match states.lock() {
        Ok(mut states) => {
            states.insert(name, state);
            StatusCode::OK
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
