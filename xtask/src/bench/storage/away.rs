//! A server that is some way off: what goes through here takes its time.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// How long anything takes in one direction (chosen: with the way back 10 ms, a neighbouring region).
const ONE_WAY: Duration = Duration::from_millis(5);
/// Pieces on their way in one direction of a connection (chosen: more than fit into a window).
const ON_THE_WAY: usize = 256;

/// Lets connections to a new port go on to `port`, until the process ends. Gives the new port.
pub(super) fn away(port: u16) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    let here = listener.local_addr()?.port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            thread::spawn(move || {
                // Who is not let through sees a connection that breaks.
                let _ = both(&near, port);
            });
        }
    });
    Ok(here)
}

fn both(near: &TcpStream, port: u16) -> io::Result<()> {
    // The handshake takes its time, too.
    thread::sleep(2 * ONE_WAY);
    let far = TcpStream::connect(("127.0.0.1", port))?;
    for stream in [near, &far] {
        stream.set_nodelay(true)?;
    }
    let (near_in, far_out) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || one(near_in, far_out));
    one(far, near.try_clone()?);
    Ok(())
}

/// One direction, until it ends.
fn one(mut from: TcpStream, mut to: TcpStream) {
    let (send, due) = mpsc::sync_channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let writer = thread::spawn(move || {
        for (at, bytes) in due {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // If it is gone already, that is fine.
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if send.send((Instant::now() + ONE_WAY, buffer[..length].to_vec())).is_err() {
            break;
        }
    }
    drop(send);
    // A writer does not panic.
    let _ = writer.join();
}
