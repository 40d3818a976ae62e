//! Connections from addresses of loopback other than the neighbour's, because limits count by address.
#![allow(dead_code)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sambung_tests::api::Api;
use tokio::net::{TcpSocket, TcpStream};

/// An attacker's address. The neighbour and the simulators use 127.0.0.1.
pub fn address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 66, number))
}

/// Where the server listens.
pub fn server(api: &Api) -> SocketAddr {
    sambung_tests::bench::servers::address(api)
}

/// A connection from an address.
pub async fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

/// An HTTP client at an address. It keeps its connections.
pub fn client(from: IpAddr) -> reqwest::Client {
    // It installs what TLS needs once for the process.
    let _ = sambung_tests::providers::http_client();
    reqwest::Client::builder().no_proxy().local_address(from).build().unwrap()
}

/// Lets the process open as many files as the system allows: an attacker of many sockets needs them.
pub fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
