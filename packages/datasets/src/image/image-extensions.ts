/** Ends of the names of files that can be decoded, in lower case. */
const extensions = ['.jpg', '.jpeg', '.png', '.tif', '.tiff', '.webp', '.gif', '.dcm', '.nii', '.nii.gz', '.hdr']

/** The end of a name that says that it is an image; `undefined` when none does. */
export const imageExtension = (name: string): string | undefined => extensions.findLast((extension) => name.toLowerCase().endsWith(extension))
