//! The memory limit of the process: its control group's, which the limit of a container becomes.

use std::{fs, path::Path};

/// What stands for no limit in version 1 of control groups, rounded down to a page of up to 64 KiB.
const NO_LIMIT: u64 = i64::MAX as u64 >> 16 << 16;

/// A third of the limit in bytes; `None` where there is none. Bodies may take one, the answers that are made of them another,
/// and connections and everything else the last.
pub(crate) fn third() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limit = limit(&groups, |file| fs::read_to_string(file).ok())?;
    Some(usize::try_from(limit / 3).unwrap_or(usize::MAX))
}

/// The least limit of the groups that a process is in, and of those around them. `groups` is its `/proc/PID/cgroup`, with
/// a line `HIERARCHY:CONTROLLERS:PATH` for each hierarchy.
fn limit(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (hierarchy, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return None,
        };
        // A container that sees itself at the root may be named by its path on the node.
        let groups = Path::new(path.trim_start_matches('/')).ancestors();
        groups
            .filter_map(|group| {
                let text = read(&Path::new(hierarchy).join(group).join(file))?;
                text.trim().parse().ok().filter(|limit| *limit < NO_LIMIT)
            })
            .min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_all_groups_around_the_process_counts() {
        const TWO: &[(&str, &str)] = &[
            ("/sys/fs/cgroup/kubepods/memory.max", "max\n"),
            ("/sys/fs/cgroup/kubepods/pod/memory.max", "268435456\n"),
            ("/sys/fs/cgroup/kubepods/pod/own/memory.max", "134217728\n"),
        ];
        const ONE: &[(&str, &str)] = &[
            (
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            (
                "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
                "67108864\n",
            ),
        ];
        const AT_ITS_ROOT: &[(&str, &str)] = &[("/sys/fs/cgroup/memory.max", "33554432\n")];
        for (files, groups, expected) in [
            (TWO, "0::/kubepods/pod/own\n", Some(134_217_728)),
            (TWO, "0::/kubepods/pod/other\n", Some(268_435_456)),
            (TWO, "0::/kubepods\n", None),
            (TWO, "0::/\n", None),
            (
                ONE,
                "3:cpu:/x\n4:memory:/docker/1\n0::/\n",
                Some(67_108_864),
            ),
            (ONE, "4:memory:/\n", None),
            (AT_ITS_ROOT, "0::/kubepods/pod/own\n", Some(33_554_432)),
            (AT_ITS_ROOT, "0::/\n", Some(33_554_432)),
            (AT_ITS_ROOT, "nonsense\n", None),
        ] {
            let read = |file: &Path| {
                let found = files.iter().find(|(name, _)| Path::new(name) == file);
                found.map(|(_, text)| (*text).to_owned())
            };
            assert_eq!(limit(groups, read), expected, "{groups}");
        }
    }
}
