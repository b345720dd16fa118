/** The address of the app: the built worker is in its folder assets/, the development server has sources at its root. */
export const APP = new URL(import.meta.env.DEV ? '/' : '../', self.location.href).href;
