//! Misdeeds that any world can commit.

use std::hint::black_box;
use std::time::Duration;

/// Does what is asked for; comes back only from acts that aren't for every world.
pub fn perform(act: &str) {
    match act {
        "spin" => loop {
            black_box(0);
        },
        "grow" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
                black_box(&hoard);
            }
        }
        "recurse" => {
            black_box(deeper(1));
        }
        "panic" => panic!("the ledger\ndoesn't \u{1b}[31mbalance"),
        "exit" => std::process::exit(3),
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "mutter" => {
            for line in 0..100_000 {
                eprintln!("muttering {line}");
            }
            panic!("muttered enough");
        }
        _ => {}
    }
}

/// Without a frame in linear memory, so that it is the call stack that ends.
fn deeper(depth: u64) -> u64 {
    if black_box(depth) == 0 { 0 } else { 1 + deeper(depth + 1) }
}

/// Keeps the processor busy for a while and comes back.
pub fn burn(rounds: u64) -> u64 {
    (0..rounds).fold(0, |sum, round| black_box(sum ^ round))
}

/// Text that isn't UTF-8.
#[allow(unsafe_code)]
pub fn not_utf8() -> String {
    // Safety: none; that is the point. It goes straight to the host, which must notice.
    unsafe { String::from_utf8_unchecked(vec![b'a', 0xff, 0xfe, b'z']) }
}

/// Text that says it is nearly as long as the address space.
#[allow(unsafe_code)]
pub fn absurdly_long() -> String {
    const CLAIMED: usize = isize::MAX as usize - 16;
    let text = String::from("short").leak();
    // Safety: none; see above. It is never read here, only handed to the host.
    unsafe { String::from_raw_parts(text.as_mut_ptr(), CLAIMED, CLAIMED) }
}
