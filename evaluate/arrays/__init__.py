"""Arrays that other repositories leave behind: which number belongs to which frame of which video."""
