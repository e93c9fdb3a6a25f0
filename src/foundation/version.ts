/** Owns which version of Tideway this is: written by the build from package.json, because a bundle has no package.json beside it. */
export const PACKAGE_VERSION = '0.1.0';
