//! Files that get their names when they are whole.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A new hidden file in the folder of the target, with the rights any new file gets, removed when it is dropped.
///
/// # Errors
/// What the system says.
pub fn beside(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less the umask.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// True for what [`beside`] made for a target whose name starts like that, and a run that was cut short left behind.
pub(crate) fn is_left(path: &Path, target: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix('.')
        .is_some_and(|name| name.starts_with(target) && name.strip_suffix(".part").is_some())
}
