/** Made by the build of `@unidiag/core`: registers the gradients of tfjs's operators. */
declare module '@unidiag/core/backend/tfjs-gradients'
