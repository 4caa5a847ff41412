//! `AF_PACKET` sockets (packet(7)): packets of interfaces, taken before and after the kernel's network stack.
//!
//! The socket is made without a protocol, so nothing arrives before it has its filter and is bound.

use std::io::{self, IoSliceMut};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use libc::{c_int, c_void, sockaddr_ll, socklen_t};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockFilter, Socket, Type};

use super::assembler::Instruction;
use super::bpf::{self, Link};
use super::error::{CaptureError, Result, system};
use super::frame::{Control, frame};
use super::namespace::{self, Bound};
use super::rule::Rule;
use super::taken::{MAX_PACKET, Taken, now_ns};
use super::target::Machine;

/// Packets taken with one call: chosen; beyond it the call's cost no longer shows.
const BATCH: usize = 64;
/// Bytes for control messages of one packet: chosen, twice what time stamp and auxiliary data take.
const CONTROL: usize = 128;
/// `ARPHRD_ETHER` of `linux/if_arp.h`.
const ETHERNET: u16 = 1;
/// An open socket.
#[derive(Debug)]
pub(super) struct PacketSocket {
    socket: Socket,
    link: Link,
    /// Whether it is bound to one interface, which may go.
    is_one: bool,
    keep_bytes: usize,
    drops: u64,
    data: Vec<u8>,
    names: Vec<sockaddr_ll>,
    controls: Vec<[u8; CONTROL]>,
    assembled: Vec<u8>,
}

/// What a receive call said about one packet.
#[derive(Clone, Copy, Default)]
struct Told {
    length: usize,
    control_length: usize,
}

impl PacketSocket {
    /// Opens a socket that gives the packets of a machine that `rules` let through, and `keep_bytes` of each (0: all).
    ///
    /// # Errors
    /// Missing rights, no such interface or namespace, filters that do not fit.
    pub(super) fn open(
        machine: &Machine,
        rules: &[Rule],
        keep_bytes: u32,
        buffer_bytes: usize,
    ) -> Result<Self> {
        let keep_bytes = if keep_bytes == 0 { MAX_PACKET } else { keep_bytes.min(MAX_PACKET) };
        namespace::inside(machine, |bound| Self::open_here(&bound, rules, keep_bytes, buffer_bytes))
    }

    fn open_here(bound: &Bound, rules: &[Rule], keep_bytes: u32, buffer_bytes: usize) -> Result<Self> {
        // Frames of one Ethernet are kept as they are; of several interfaces, or one without Ethernet headers, the
        // kernel tells what stands before the network header.
        let link = match bound {
            Bound::One(index) => link_of(*index)?,
            Bound::All => Link::Cooked,
        };
        let program = bpf::compile(rules, link, keep_bytes)?;
        let socket = new_socket(if link == Link::Ethernet { Type::RAW } else { Type::DGRAM })?;
        attach(&socket, &program)?;
        // Beyond net.core.rmem_max where that is allowed.
        if setsockopt(&socket, sockopt::RcvBufForce, &buffer_bytes).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &buffer_bytes)
                .map_err(|errno| system("setting the size of the receive buffer", errno.into()))?;
        }
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)
            .map_err(|errno| system("asking for time stamps", errno.into()))?;
        ask_for_tags(&socket).map_err(|source| system("asking for VLAN tags", source))?;
        bind(&socket, bound).map_err(|source| system("binding to an interface", source))?;
        let slot = slot_bytes(keep_bytes);
        Ok(Self {
            socket,
            link,
            is_one: *bound != Bound::All,
            keep_bytes: keep_bytes as usize,
            drops: 0,
            data: vec![0; slot * BATCH],
            names: vec![no_name(); BATCH],
            controls: vec![[0; CONTROL]; BATCH],
            assembled: Vec::new(),
        })
    }

    /// What the packets start with.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// Bytes kept of each packet at most.
    pub(super) fn keep_bytes(&self) -> u32 {
        self.keep_bytes as u32
    }

    /// Waits until packets are there, at most `timeout`.
    ///
    /// # Errors
    /// The system's, which are none of the network.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<()> {
        // Rounded up: a wait of 0 ms would spin.
        let millis = timeout.as_micros().div_ceil(1000).try_into().unwrap_or(u16::MAX);
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::from(millis)) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes the packets that are there, a batch at most, and hands them to `each` in order until that returns `false`.
    /// Returns how many there were.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if the interface is gone. One that is down is waited for.
    pub(super) fn take(&mut self, mut each: impl FnMut(Taken<'_>) -> bool) -> io::Result<usize> {
        let mut told = [Told::default(); BATCH];
        let slot = slot_bytes(self.keep_bytes as u32);
        let count =
            match receive(&self.socket, slot, &mut self.data, &mut self.names, &mut self.controls, &mut told)
            {
                Ok(count) => count,
                Err(error) => {
                    return match error.raw_os_error() {
                        // Only going down is told; an interface that is removed goes down first.
                        Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN) if !self.is_gone() => Ok(0),
                        Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN) => {
                            Err(io::Error::new(io::ErrorKind::NotFound, "the interface is gone"))
                        }
                        _ => Err(error),
                    };
                }
            };
        let packets = self.data.chunks_exact(slot).zip(&self.names).zip(&self.controls).zip(&told);
        for (((data, name), control), told) in packets.take(count) {
            let control = Control::read(control.get(..told.control_length).unwrap_or_default());
            let data = data.get(..told.length.min(slot)).unwrap_or_default();
            // Without auxiliary data the length is that of the call, which tells the whole one.
            let wire_bytes = control.wire_bytes.unwrap_or(told.length as u32);
            let taken = frame(self.link, name, data, wire_bytes, &control, &mut self.assembled);
            let bytes = taken.0.get(..self.keep_bytes).unwrap_or(taken.0);
            let time_ns = control.time_ns.unwrap_or_else(now_ns);
            if !each(Taken { time_ns, wire_bytes: taken.1, bytes }) {
                break;
            }
        }
        Ok(count)
    }

    /// Packets the kernel had no room for, since the socket was opened.
    pub(super) fn drops(&mut self) -> u64 {
        // Reading sets the kernel's count to 0. A count that can't be read is asked for again.
        self.drops += u64::from(kernel_drops(&self.socket).unwrap_or(0));
        self.drops
    }

    /// The kernel takes the number from a socket whose interface was removed.
    fn is_gone(&self) -> bool {
        self.is_one && name_of(&self.socket).is_ok_and(|name| name.sll_ifindex <= 0)
    }
}

/// Bytes of the slot of one packet.
fn slot_bytes(keep_bytes: u32) -> usize {
    (keep_bytes as usize).max(size_of::<u64>())
}

fn no_name() -> sockaddr_ll {
    sockaddr_ll {
        sll_family: 0,
        sll_protocol: 0,
        sll_ifindex: 0,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

fn new_socket(kind: Type) -> Result<Socket> {
    // Domain and type as in packet(7); protocol 0 takes nothing.
    let socket = Socket::new(Domain::PACKET, kind.nonblocking().cloexec(), None);
    socket.map_err(|source| system("opening a packet socket", source))
}

fn attach(socket: &Socket, program: &[Instruction]) -> Result<()> {
    let filters: Vec<SockFilter> =
        program.iter().map(|one| SockFilter::new(one.code, one.if_true, one.if_false, one.k)).collect();
    socket.attach_filter(&filters).map_err(|source| match source.raw_os_error() {
        Some(libc::ENOMEM) => CaptureError::FilterMemory { instructions: program.len() },
        _ => system("attaching the filter", source),
    })
}

/// Link type of an interface: a socket bound to it without a protocol takes nothing and tells its kind.
fn link_of(index: u32) -> Result<Link> {
    let socket = new_socket(Type::RAW)?;
    bind_to(&socket, index, 0).map_err(|source| system("binding to an interface", source))?;
    let name = name_of(&socket).map_err(|source| system("asking for the kind of an interface", source))?;
    let is_ethernet = name.sll_hatype == ETHERNET || u32::from(name.sll_hatype) == bpf::LOOPBACK;
    Ok(if is_ethernet { Link::Ethernet } else { Link::Cooked })
}

fn bind(socket: &Socket, bound: &Bound) -> io::Result<()> {
    let index = match bound {
        Bound::All => 0,
        Bound::One(index) => *index,
    };
    bind_to(socket, index, (libc::ETH_P_ALL as u16).to_be())
}

fn bind_to(socket: &Socket, index: u32, protocol: u16) -> io::Result<()> {
    let name = sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol,
        sll_ifindex: index as i32,
        ..no_name()
    };
    #[expect(unsafe_code, reason = "no safe wrapper takes an address of the packet family")]
    // SAFETY: the pointer is to an initialised `sockaddr_ll` that outlives the call, the length is its size.
    let result = unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const name).cast(), size_of::<sockaddr_ll>() as socklen_t)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What a socket is bound to.
fn name_of(socket: &Socket) -> io::Result<sockaddr_ll> {
    let mut name = no_name();
    let mut length = size_of::<sockaddr_ll>() as socklen_t;
    #[expect(unsafe_code, reason = "safe wrappers refuse the kernel's short names")]
    // SAFETY: the kernel writes `length` bytes at most, which is the size of `name`; any bytes are a valid `sockaddr_ll`.
    let result = unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut name).cast(), &raw mut length) };
    if result == 0 { Ok(name) } else { Err(io::Error::last_os_error()) }
}

fn ask_for_tags(socket: &Socket) -> io::Result<()> {
    let on: c_int = 1;
    #[expect(unsafe_code, reason = "no safe wrapper has PACKET_AUXDATA")]
    // SAFETY: the pointer is to an int that outlives the call, the length is its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_AUXDATA,
            (&raw const on).cast(),
            size_of::<c_int>() as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `tp_drops` of `tpacket_stats`, which comes behind `tp_packets`.
fn kernel_drops(socket: &Socket) -> io::Result<u32> {
    let mut counts = [0_u32; 2];
    let mut length = size_of::<[u32; 2]>() as socklen_t;
    #[expect(unsafe_code, reason = "no safe wrapper has PACKET_STATISTICS")]
    // SAFETY: the kernel writes `length` bytes at most, which is the size of `counts`; any bytes are valid integers.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(counts[1]) } else { Err(io::Error::last_os_error()) }
}

/// Takes as many packets as there are, one into each slot of `slot` bytes of `data`.
#[allow(clippy::unnecessary_cast, reason = "C libraries differ in the types of the header's fields")]
fn receive(
    socket: &Socket,
    slot: usize,
    data: &mut [u8],
    names: &mut [sockaddr_ll],
    controls: &mut [[u8; CONTROL]],
    told: &mut [Told; BATCH],
) -> io::Result<usize> {
    let mut slots: Vec<IoSliceMut<'_>> = data.chunks_exact_mut(slot).map(IoSliceMut::new).collect();
    let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(BATCH);
    for ((slot, name), control) in slots.iter_mut().zip(names).zip(controls) {
        #[expect(unsafe_code, reason = "on some C libraries the header has private padding")]
        // SAFETY: all of its fields are integers and pointers, for which zero is a value.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_name = (&raw mut *name).cast::<c_void>();
        header.msg_hdr.msg_namelen = size_of::<sockaddr_ll>() as socklen_t;
        // `IoSliceMut` is laid out as `iovec`, as the standard library promises.
        header.msg_hdr.msg_iov = (&raw mut *slot).cast();
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = CONTROL as _;
        headers.push(header);
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    #[expect(unsafe_code, reason = "safe wrappers allocate for each packet and have no PACKET_AUXDATA")]
    // SAFETY: each header points to a name, a slot and control bytes of its own, all borrowed mutably until the call has
    // returned, with their lengths; the count is that of the headers.
    let count = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            headers.len() as _,
            flags as _,
            std::ptr::null_mut(),
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    for (told, header) in told.iter_mut().zip(&headers).take(count) {
        *told =
            Told { length: header.msg_len as usize, control_length: header.msg_hdr.msg_controllen as usize };
    }
    Ok(count)
}
