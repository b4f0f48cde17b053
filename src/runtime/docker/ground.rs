//! What a container that does not run yet has: who will run in it, and which folders are missing.

use bollard::query_parameters::ContainerArchiveInfoOptionsBuilder;

use super::Docker;
use super::call::{QUICK, call, within};
use crate::runtime::RuntimeError;
use crate::runtime::world::Ground;

/// Of a mode as the engine writes it: Go's `fs.ModeDir`.
const IS_DIR: u32 = 1 << 31;

impl Docker {
    /// `folders`: absolute paths.
    ///
    /// # Errors
    /// What the engine says of the container; a folder that it says nothing of counts as there.
    pub(super) async fn ground(
        &self,
        id: &str,
        folders: &[String],
    ) -> Result<Ground, RuntimeError> {
        let inspect = self.client().inspect_container(id, None);
        let inspected = call("inspect the container", QUICK, inspect).await?;
        let user = inspected.config.and_then(|config| config.user);
        let owner = match user.as_deref().unwrap_or_default() {
            "" => Some((0, 0)),
            user => match numbers(user) {
                Some(numbers) => Some(numbers),
                None => self.account(id, user).await.or_else(|| alone(user)),
            },
        };
        let (mut missing, mut there) = (Vec::new(), Vec::new());
        for folder in folders {
            let options = ContainerArchiveInfoOptionsBuilder::new()
                .path(folder)
                .build();
            let asked = self.client().get_container_archive_info(id, Some(options));
            match within(QUICK, asked).await {
                Ok(found) if found.file_mode & IS_DIR != 0 => there.push(folder.clone()),
                Err(fault) if fault.is_gone() => missing.push(folder.clone()),
                _ => {}
            }
        }
        Ok(Ground {
            owner,
            missing,
            folders: there,
        })
    }

    /// A name, by what the image's own accounts say.
    async fn account(&self, id: &str, user: &str) -> Option<(u64, u64)> {
        let (user, group) = match user.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (user, None),
        };
        let users = self.text(id, "/etc/passwd").await?;
        let fields = row(&users, user)?;
        let uid = fields.get(2)?.parse().ok()?;
        let gid = match group {
            None => fields.get(3)?.parse().ok()?,
            Some(group) => match group.parse() {
                Ok(gid) => gid,
                Err(_) => {
                    let groups = self.text(id, "/etc/group").await?;
                    row(&groups, group)?.get(2)?.parse().ok()?
                }
            },
        };
        Some((uid, gid))
    }

    async fn text(&self, id: &str, path: &str) -> Option<String> {
        let packed = self.get_archive(id, path).await.ok()?;
        let mut archive = tar::Archive::new(&packed[..]);
        let mut entry = archive.entries().ok()?.next()?.ok()?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).ok()?;
        Some(text)
    }
}

/// `UID:GID`; a group that is not said is the account's.
fn numbers(user: &str) -> Option<(u64, u64)> {
    let (uid, gid) = user.split_once(':')?;
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

/// `UID` without an account: engines give it the group 0.
fn alone(user: &str) -> Option<(u64, u64)> {
    Some((user.parse().ok()?, 0))
}

/// The line of an account, by name or number.
fn row<'a>(accounts: &'a str, who: &str) -> Option<Vec<&'a str>> {
    let rows = accounts
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    rows.into_iter()
        .find(|fields| fields.first() == Some(&who) || fields.get(2) == Some(&who))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_number_and_by_name() {
        assert_eq!(numbers("1000:1001"), Some((1000, 1001)));
        assert_eq!(numbers("1000"), None);
        assert_eq!(alone("1000"), Some((1000, 0)));
        assert_eq!(alone("app"), None);
        assert_eq!(numbers("app"), None);
        let accounts = "root:x:0:0:root:/root:/bin/sh\napp:x:7:8::/:/bin/false\n";
        assert_eq!(row(accounts, "app").unwrap()[2..4], ["7", "8"]);
        assert_eq!(row(accounts, "7").unwrap()[2..4], ["7", "8"]);
        assert_eq!(row(accounts, "nobody"), None);
    }
}
