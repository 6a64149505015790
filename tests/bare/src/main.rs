//! Compiles a cluster, opens the image, asks it and lets it explain, where there
//! is nothing but `core`: no heap, no `alloc` crate, no operating system.
//!
//! Built for `x86_64-unknown-none` with `-Zbuild-std=core`, no `alloc` is there to
//! be linked. The program is then run as it is, by the kernel of the machine that
//! built it, and ends with status 0 if every answer was right. Built for a host, it
//! does the same as any program.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod job;

#[cfg(not(target_os = "none"))]
fn main() {
    let mut memory = vec![0xa5; job::MEMORY];
    let mut image = vec![0xa5; job::IMAGE];
    std::process::exit(job::run(&mut memory, &mut image));
}

#[cfg(target_os = "none")]
mod bare {
    use core::arch::{asm, global_asm};
    use core::panic::PanicInfo;
    use core::ptr::addr_of_mut;

    static mut MEMORY: [u8; super::job::MEMORY] = [0; super::job::MEMORY];
    static mut IMAGE: [u8; super::job::IMAGE] = [0; super::job::IMAGE];

    // The kernel leaves the stack aligned to 16; a function expects a return
    // address on it.
    global_asm!(".global _start", "_start:", "xor ebp, ebp", "call {start}", "ud2", start = sym start);

    extern "C" fn start() -> ! {
        // SAFETY: there is one thread, and it comes by here once.
        let (memory, image) = unsafe { (&mut *addr_of_mut!(MEMORY), &mut *addr_of_mut!(IMAGE)) };
        exit(super::job::run(memory, image))
    }

    fn exit(status: i32) -> ! {
        // SAFETY: `exit_group` of Linux takes a status and does not return.
        unsafe { asm!("syscall", in("rax") 231, in("rdi") status, options(noreturn)) }
    }

    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        exit(101)
    }
}
