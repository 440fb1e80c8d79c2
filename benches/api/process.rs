//! What the kernel tells of processes, from `/proc`.

use super::support::Server;

/// How many processes wanted to run, on average over the last minute. Other work distorts what is measured.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap().to_string()
}

/// Processor time of the server so far.
pub fn server_seconds(server: &Server) -> f64 {
    ticks(server.pid().as_raw() as u32, 2) / 100.0
}

/// Processor time of this process so far: of the load generator.
pub fn own_seconds() -> f64 {
    ticks(std::process::id(), 2) / 100.0
}

/// Resident memory of this process.
pub fn own_megabytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<f64>().unwrap() / 1024.0
}

/// Processor time of the processes that this one started and that have ended: of pgbench.
pub fn ended_seconds() -> f64 {
    ticks(std::process::id(), 4) / 100.0 - own_seconds()
}

/// Processor time of a process, of its children, and of those that have ended.
pub fn family_seconds(parent: u32) -> f64 {
    let children = std::fs::read_dir("/proc").unwrap().flatten();
    let children = children.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let living: f64 = children
        .filter(|&pid| stat(pid).is_some_and(|fields| fields[1] == parent.to_string()))
        .map(|pid| ticks(pid, 2))
        .sum();
    (ticks(parent, 4) + living) / 100.0
}

pub fn parent(pid: u32) -> u32 {
    stat(pid).unwrap()[1].parse().unwrap()
}

/// The first so many of: user, system, user of ended children, system of ended children; hundredths of a second.
fn ticks(pid: u32, count: usize) -> f64 {
    let fields = stat(pid).unwrap_or_default();
    let numbers = fields.iter().skip(11).take(count);
    numbers.map(|field| field.parse::<f64>().unwrap()).sum()
}

/// The fields behind the program's name: state, parent …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_string).collect())
}
